"""A process that imports what is not shipped answers, or has not answered."""

import pytest

from collapsebench.core.errors import PluginError, UsageError
from collapsebench.results.apart import ask

SILENT = {
    "exits": "import os; os._exit(0)",
    "exits late": "import atexit, os, sys; sys.modules['collapsebench.results.audit'] = None; os._exit(0)",
    "is killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "closes all": "import os; os.closerange(3, 256)",
    "prints what it wants to hear": "import os; print('all checks passed', flush=True); os._exit(0)",
    "writes nonsense": (
        "import os\nfor fd in range(3, 64):\n    try: os.write(fd, b'all is well' * 10)\n    except OSError: pass"
    ),
    "promises more than it says": (
        "import os, struct\nfor fd in range(3, 64):\n"
        "    try: os.write(fd, struct.pack('>cQ', b'a', 2**62)); os.close(fd)\n    except OSError: pass\nos._exit(0)"
    ),
    "says no JSON": (
        "import os, struct\nfor fd in range(3, 64):\n"
        "    try: os.write(fd, struct.pack('>cQ', b'a', 4) + b'well')\n    except OSError: pass\nos._exit(0)"
    ),
}


@pytest.fixture
def answered(tmp_path):
    def asked(text):
        path = tmp_path / "stranger" / "task.py"
        path.parent.mkdir()
        path.write_text(text)
        return ask("results.audit:own_rules", ["gaussian"], plugins=[str(path)], about="Task 'stranger'", hours=0.05)

    return asked


@pytest.mark.parametrize("name", SILENT)
def test_whatever_ends_a_process_before_it_answers_is_no_answer(answered, name):
    with pytest.raises(PluginError, match="Task 'stranger' gave no answer"):
        answered(SILENT[name])


@pytest.mark.parametrize("text", ["raise SystemExit(0)", "raise GeneratorExit", "1 / 0"])
def test_what_a_plug_in_raises_at_import_is_said_and_refuses_it(answered, text):
    with pytest.raises(PluginError, match=r"task\.py cannot be imported"):
        answered(text)


def test_a_plug_in_that_eats_the_streams_does_not_eat_the_question(answered):
    assert '"own-gaussian"' in answered("import sys; sys.stdin.read(); sys.stdout.write('x' * 10**6)")


def test_an_error_there_is_an_error_here():
    with pytest.raises(UsageError, match="unheard"):
        ask("results.audit:own_rules", ["unheard"], plugins=[], about="Task 'unheard'")
