"""Plug-ins that fail in unusual ways: one message, the right exit code, and the other cells go on."""

import pytest

METHOD = """
from collapsebench import Decoding, Method, MethodCard, method

class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")

@method("odd")
class Odd(Method):
    \"\"\"Fails on purpose.\"\"\"

    card = MethodCard(title="Odd")

    def curate(self, synthetic, ctx):
        {body}
        return synthetic

    {hook}
"""


@pytest.fixture
def odd(console, run_toys, tmp_path):
    """Run a method of this body and hook, or a plug-in file of this text, on the toy tasks beside the references."""

    def run(body="", hook="", text=None):
        path = tmp_path / "odd.py"
        text = METHOD.format(body=body or "pass", hook=hook) if text is None else text
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return console(*run_toys, "--plugin", path, "--method", "odd", "--task", "toy")

    return run


@pytest.mark.parametrize(
    ("body", "hook", "said"),
    [
        ("raise SystemExit(0)", "", "SystemExit: 0"),
        ("raise GeneratorExit", "", "GeneratorExit"),
        ("raise Unprintable", "", "Unprintable: (its text cannot be printed)"),
        ("", "def decoding(self, t): return None", "A method's decoding is NoneType, not Decoding."),
        ("", "def decoding(self, t): return 0.5", "A method's decoding is float, not Decoding."),
        ("", "def decoding(self, t): return Decoding(float('nan'))", "Parameter temperature=nan of Decoding: Input"),
        ("", "def decoding(self, t): return Decoding(float('inf'))", "Parameter temperature=inf of Decoding: Input"),
        ("", "def decoding(self, t): raise SystemExit", "SystemExit"),
        ("ctx.model.generate(1, 'hot')", "", "A method's decoding is str, not Decoding."),
    ],
)  # fmt: skip
def test_a_cell_that_fails_in_any_way_fails_alone(odd, body, hook, said):
    ran = odd(body, hook)
    assert ran.code == 1
    assert "2 cells failed" in ran.err and said in ran.err
    assert "Traceback (most" not in ran.err
    assert "replace" in ran.out and "frozen" in ran.out


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("def skip(self, task): return 3", "Method 'odd' cannot be used: TypeError: skip returned int, not text or"),
        ("def skip(self, task): raise ValueError('no')", "Method 'odd' cannot be used: ValueError: no"),
        ("def check(self, n): raise ValueError('no')", "Method 'odd' cannot be used: ValueError: no"),
        ("def check(self, n): raise SystemExit(0)", "Method 'odd' cannot be used: SystemExit: 0"),
        ("def needs(self): raise Unprintable", "Method 'odd' refuses its parameters: Unprintable: (its text"),
        ("def needs(self): return None", "Method 'odd' refuses its parameters: TypeError: "),
        ("def access(self): raise ValueError('no')", "Method 'odd' refuses its parameters: ValueError: no"),
        ("def __post_init__(self): raise SystemExit(0)", "Method 'odd' refuses its parameters: SystemExit: 0"),
    ],
)  # fmt: skip
def test_a_method_whose_declarations_fail_is_refused_before_anything_runs(odd, hook, said):
    ran = odd(hook=hook)
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(f"Error: {said}")
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (b"x = 'Na\xefve'", 3, "odd.py cannot be imported: SyntaxError"),
        (b"# Na\xefve" + METHOD.format(body="pass", hook="").encode(), 3, "cannot be imported: SyntaxError"),
        ("raise SystemExit(0)", 3, "odd.py cannot be imported: SystemExit: 0"),
        ("raise GeneratorExit", 3, "odd.py cannot be imported: GeneratorExit"),
        ("raise KeyboardInterrupt", 3, "odd.py cannot be imported: KeyboardInterrupt"),
        (METHOD.format(body="", hook="") + "\nraise Unprintable", 3, "cannot be imported: Unprintable: (its text"),
        ("from collapsebench import MethodCard\nMethodCard(title='x', access={'hist'})", 3, "unknown access: hist."),
        ("from collapsebench import MethodCard\nMethodCard(title=5)", 3, "Parameter title=5 of MethodCard: Input"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_imported_is_named_with_the_reason(odd, text, code, said):
    ran = odd(text=text)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err.splitlines()[0] and ran.err.startswith("Error: ")
    assert len(ran.err.splitlines()) <= 2


def test_a_file_may_declare_another_encoding(odd):
    ran = odd(text=b"# -*- coding: latin-1 -*-\n# Na\xefve\n" + METHOD.format(body="pass", hook="").encode())
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("MethodCard(title='x', access={'hist'})", "Did you mean 'history'? Choose from: history, mark, "),
        ("MethodCard(title='x', needs={'site'})", "Did you mean 'sites'? Choose from: sites, "),
        ("MethodCard(title='x', reference={'preserved'})", "Did you mean 'preserve'? Choose from: preserve, "),
        ("MethodCard(title='x', access={'zzz'})", "Choose from: history, mark, "),
        (
            "TaskCard(title='x', modality='vector', primary='e', unit='e', supports={'verify'})",
            "Did you mean 'verifier'?",
        ),
    ],
)
def test_a_word_that_no_card_knows_gets_the_nearest_one(odd, text, hint):
    ran = odd(text=f"from collapsebench import MethodCard, TaskCard\n{text}")
    assert ran.code == 3
    assert hint in ran.err
