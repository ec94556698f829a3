"""A command hands its exit code back with a secret, or there is no verdict."""

import os
import socket
import subprocess
import sys

import pytest

from collapsebench.cli.verdict import VARIABLE

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors")


CHILD = """
    number = int(os.environ.get("NUMBER"))
    assert "COLLAPSEBENCH_VERDICT" not in os.environ
    assert subprocess.run(["test", "-e", f"/proc/self/fd/{number}"], close_fds=False).returncode == 1
    if sys.platform == "linux":
        assert ctypes.CDLL(None).prctl(3) == 0  # PR_GET_DUMPABLE: no other process reads its memory
"""


@pytest.mark.parametrize(
    ("command", "said"),
    [("    pass", b"secret 0"), ("    sys.exit(3)", b"secret 3"), ("    os._exit(0)", b""), (CHILD, b"secret 0")],
    ids=["passes", "fails", "is ended", "has a child that would answer for it"],
)
def test_only_a_command_that_comes_to_its_end_has_a_verdict(command, said):
    ours, theirs = socket.socketpair()
    ours.sendall(b"secret")
    imports = "import ctypes, os, subprocess, sys\nfrom collapsebench.cli.verdict import told\n"
    with theirs:
        number = theirs.fileno()
        environment = {**os.environ, VARIABLE: str(number), "NUMBER": str(number)}
        words = [sys.executable, "-c", f"{imports}with told():\n{command}\n"]
        subprocess.run(words, env=environment, pass_fds=[number])
    with ours:
        try:
            assert ours.recv(100) == said
        except ConnectionResetError:
            assert said == b""
