"""Methods that reach for what they do not declare, or call themselves what they are not."""

from pathlib import Path

import pytest

from collapsebench.results.reader import read_results

HEAD = """
from dataclasses import dataclass
from collapsebench import Method, MethodCard, method
"""

PEEKING = {
    "real data": "ctx.history[0]",
    "its last corpus": "ctx.previous",
    "new real data": "ctx.fresh_real(1)",
    "the verifier": "(ctx.verify(synthetic), synthetic)[1]",
    "the reward": "(ctx.reward(synthetic), synthetic)[1]",
    "a prior": "(ctx.prior.log_prob(synthetic), synthetic)[1]",
}


def plug_in(name, card, returned):
    return f'''{HEAD}
@method("{name}")
@dataclass(frozen=True)
class Plugin(Method):
    """Not what it seems."""

    card = MethodCard(title="Plugin"{card})

    def curate(self, synthetic, ctx):
        return {returned}
'''


@pytest.fixture
def run_one(cli, toys, toy_file):
    """Run a method from source on one task with one seed, beside the references."""

    def run(name, source):
        Path(f"{name}.py").write_text(source)
        options = ("--task", "toy", "--seeds", "1", "--workers", "0", "--store", "store", "--boards", "boards")
        return cli(
            "run", "--protocol", toys, "--plugin", toy_file, "--plugin", f"{name}.py", "--method", name, *options
        )

    return run


@pytest.mark.parametrize("what", PEEKING)
def test_a_method_that_peeks_fails_its_cells_and_the_others_stand(run_one, what):
    ran = run_one("peeker", plug_in("peeker", "", PEEKING[what]))
    assert ran.code == 1
    assert "1 cells failed; the others stand." in ran.err
    assert "peeker on toy, seed 0, generation 1: " in ran.err
    status = {r.cell.method.name: r.cell.status for p in records() for r in read_results(p)}
    assert status == {"peeker": "failed", "replace": "done", "frozen": "done", "fresh_real": "done"}
    page = Path("boards/toys/README.md").read_text()
    assert "without declaring access" in page.partition("## Incomplete")[2]


def records():
    return sorted(Path("boards/toys/records").glob("*.jsonl"))


def test_what_a_method_calls_itself_is_not_asked(run_one):
    """Reference and track are the harness's to say."""
    boast = plug_in("boaster", ', access={"history"}, reference=True', "ctx.history[0]") + '    track = "blind"\n'
    assert run_one("boaster", boast).code == 0
    (result,) = read_results(Path("boards/toys/records/boaster.jsonl"))
    assert (result.cell.method.reference, result.cell.method.track) == (False, "anchored")


def test_nobody_takes_the_name_of_a_reference(console, toys):
    Path("replace.py").write_text(plug_in("replace", "", "synthetic"))
    ran = console("run", "--protocol", toys, "--plugin", "replace.py", "--method", "replace")
    assert ran.code == 3
    assert "Method 'replace' is defined twice" in ran.err
