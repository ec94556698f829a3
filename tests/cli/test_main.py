"""The console script as a shell runs it: its streams, its exit codes, and paths that cannot be."""

import os
import subprocess
import sys

import pytest

COMMAND = [sys.executable, "-m", "collapsebench"]


def shell(words, **streams):
    """Exit code and what was printed to the standard streams."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    ran = subprocess.run([*COMMAND, *words], text=True, timeout=120, **streams)
    return ran.returncode, ran.stdout, ran.stderr


@pytest.fixture
def broken_pipe():
    """The end of a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    yield write
    os.close(write)


@pytest.mark.parametrize("words", [["list", "methods"], ["--version"], ["run", "--help"]])
def test_a_reader_that_goes_away_is_one_message(words, broken_pipe):
    code, _, err = shell(words, stdout=broken_pipe)
    assert (code, len(err.splitlines())) == (1, 2)
    assert err.startswith("Error: Cannot write to standard output: Broken pipe.\nHint: ")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["list", "methods"], ["--version"], ["run", "--help"]])
def test_a_full_disk_behind_standard_output_is_one_message(words, unbuffered):
    with open("/dev/full", "w") as full:
        code, _, err = shell(words, stdout=full, env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    assert (code, len(err.splitlines())) == (1, 2)
    assert err.startswith("Error: Cannot write to standard output: No space left on device.\nHint: ")


def test_a_closed_standard_output_is_one_message():
    code, _, err = shell(["--version"], stdout=None, preexec_fn=lambda: os.close(1))
    assert (code, err) == (1, "Error: Standard output is closed.\nHint: Send it to a file or to /dev/null.\n")


def test_an_encoding_without_the_characters_of_a_table_still_prints_it():
    code, out, err = shell(["list", "methods"], env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (code, err) == (0, "")
    assert "token_edit" in out


LONG = "a" * 5000


@pytest.mark.parametrize(
    "words",
    [
        ("list", "methods", "--plugin", f"{LONG}.py"),
        ("check", LONG),
        ("show", "x", "--store", LONG),
        ("verify", LONG),
        ("submit", "replace", "--protocol", LONG),
        ("leaderboard", "--boards", LONG),
        ("new", "method", "mine", "--folder", LONG),
        ("doctor", "--store", LONG),
    ],
)
def test_a_path_that_is_too_long_is_one_message(words, console):
    ran = console(*words)
    assert ran.code == 2
    assert ran.err.startswith("Error: ") and len(ran.err.splitlines()) == 2


def test_debug_shows_the_traceback(console, monkeypatch):
    monkeypatch.setenv("COLLAPSEBENCH_DEBUG", "1")
    with pytest.raises(OSError, match="File name too long"):
        console("verify", LONG)
