"""Forged and damaged records: a command names file, line and field, and ends with 3; nothing makes a page fail.

The file is that of an honest entry: two cells of five generations, in lines 1 to 6 and 7 to 12.
"""

import json
import math
import re
import warnings
from dataclasses import replace
from pathlib import Path

import fabricate
import numpy as np
import pytest

from collapsebench.core.records import to_line
from collapsebench.render import cost_plot, curves, markdown, page
from collapsebench.render.cost_plot import CostPlot
from collapsebench.render.curves import Curves
from collapsebench.render.files import load_view, write_board
from collapsebench.render.html import page as html

SETTING = ["gaussian/purify"]
HUGE = 10**400


def removed(content):
    """In the place of a value: the field is not there."""


FORGED = {
    # what is claimed: line, field, value, and the field and the line that the message names if they are others
    "a format of another day": (1, "schema", 4),
    "a format to come": (7, "schema", 6),
    "a kind of its own": (2, "kind", "cheat"),
    "a field of its own": (1, "sponsor", "us"),
    "no cell": (1, "cell", removed),
    "a short digest": (1, "cell", "abc"),
    "the cell above once more": (7, "cell", fabricate.digest("accumulate/gaussian/purify/0")),
    "a seed of the protocol's next version": (7, "seed", 3),
    "a seed below zero": (1, "seed", -1),
    "a seed that stands above": (7, "seed", 0),
    "a seed of a quarter": (1, "seed", 0.25),
    "a cell that runs": (1, "status", "running"),
    "a failure without a reason": (1, "status", "failed", "reason"),
    "success with a reason": (1, "reason", "so it is"),
    "a reason of two lines": (1, "reason", "a\nb"),
    "a skipped cell that ran": (1, "status", "skipped", "reason"),
    "no parameters of the model": (1, "parameters", -1),
    "more parameters than a number holds": (1, "parameters", 2**53 + 1),
    "an environment in a list": (1, "environment.machine", ["a", "b"]),
    "an environment that rings": (1, "environment.machine", "bell\x07"),
    "an infinite environment": (1, "environment.cores", "1" * 1001),
    "theory of another length": (1, "theory", {"w2_squared": [0.0]}, "theory.w2_squared"),
    "theory of no metric": (1, "theory", {"luck": [0.0] * 5}, "theory"),
    "theory in words": (1, "theory", {"w2_squared": ["low"] * 5}, "theory.w2_squared.0"),
    "rules by another name": (1, "protocol.name", "Quick Board"),
    "rules on a path": (1, "protocol.name", "../quick"),
    "rules without digest": (1, "protocol.digest", removed),
    "no seeds": (1, "protocol.seeds", 0),
    "rules of the second cell alone": (7, "protocol.average_last", 1),
    "an average over more than there is": (1, "protocol.average_last", 9),
    "rules that score no task": (1, "protocol.tasks", []),
    "rules that score a task twice": (1, "protocol.tasks", ["gaussian", "gaussian"]),
    "rules that score another task": (1, "protocol.tasks", ["kde"], "task.name"),
    "a task on a path": (1, "task.name", "../gaussian"),
    "a task of no rows": (1, "task.n", 0),
    "a task of fewer rows": (1, "task.n", 500, "rows", 2),
    "a task that is scored by another metric": (7, "task.primary", "trace"),
    "a task that is scored by nothing": (1, "task.primary", "luck", "task.metrics"),
    "a metric without a range": (1, "task.metrics.w2_squared", {"meaning": "loss"}, "task.metrics.w2_squared.low"),
    "a metric of every size": (1, "task.metrics.w2_squared.high", 1e300),
    "a metric of infinite size": (1, "task.metrics.w2_squared.high", "inf"),
    "a metric that cannot be": (1, "task.metrics.w2_squared.high", 0.0, "task.metrics.w2_squared"),
    "a metric in two lines": (1, "task.metrics.w2_squared.meaning", "a\nb"),
    "a metric shown that is none": (1, "task.shown", ["luck"], "task.metrics"),
    "a unit from right to left": (1, "task.unit", "nats\u202e"),
    "steps that are no number": (1, "task.steps", "many"),
    "no limit of candidates": (1, "task.candidates", None),
    "a world of its own kind": (1, "world.kind", "heaven"),
    "a world that asks another question": (1, "world.question", "grow"),
    "a world with its own floor": (1, "world.floor", "accumulate"),
    "a world with its own ceiling": (1, "world.ceiling", "frozen"),
    "a world of no arrivals": (1, "world.arrivals", 0),
    "a world that is called a curve": (1, "world.name", "curve"),
    "a share of real rows above one": (1, "world.alpha", 1.5),
    "a verifier that is surer than sure": (1, "world.phi", 1.01),
    "an outside generator without rows": (1, "world.generator", "outside"),
    "another method's name": (1, "method.name", "oracle"),
    "another method's label": (1, "method.label", "oracle"),
    "a label that boasts": (1, "method.label", "accumulate (best)"),
    "a label of parameters that it has not": (1, "method.label", "accumulate(most=5)"),
    "a reference of its own": (1, "method.reference", True),
    "an easier track": (1, "method.access", ["history"], "method.track"),
    "a track without access": (1, "method.track", "assisted"),
    "an access that nobody grants": (1, "method.access", ["law"], "method.access.0"),
    "a title that is none": (1, "method.title", None),
    "a title of two thousand letters": (1, "method.title", "x" * 2000),
    "parameters in a list": (1, "method.params", {"most": [5]}, "method.params.most"),
    "parameters of infinite size": (1, "method.params", {"most": HUGE}, "method.params.most"),
    "generations in another order": (3, "t", 2),
    "the last generation twice": (6, "t", 3),
    "no loss": (4, "metrics", {"trace": 1.0}, "metrics.w2_squared"),
    "a loss of 1e200": (4, "metrics.w2_squared", 1e200),
    "a loss that is no number": (4, "metrics.w2_squared", "nan"),
    "a loss of minus infinity": (4, "metrics.w2_squared", "-inf"),
    "a loss below its range": (4, "metrics.w2_squared", -0.5),
    "a loss in words": (4, "metrics.w2_squared", "low"),
    "a loss with four hundred digits": (4, "metrics.w2_squared", HUGE),
    "another metric beyond its range": (4, "metrics.trace", 101.0),
    "a metric that the task has not": (4, "metrics.luck", 1.0),
    "a metric of lm-eval that nobody asked for": (4, "metrics.piqa/acc", 1.0),
    "an empty training set": (4, "rows", 0),
    "another D_0": (2, "rows", 999),
    "a D_0 that is partly real": (2, "real_share", 0.5),
    "a D_0 that is partly generated": (2, "synthetic_share", 0.1),
    "a D_0 that a method made": (2, "log", {"kept": 1.0}),
    "shares of more than all": (4, "real_share", 0.9, "synthetic_share"),
    "a share that is no number": (4, "real_share", "nan"),
    "fewer real rows than arrived": (4, "costs.real_examples", 1500, "costs.real_examples"),
    "more real rows than arrived": (4, "costs.real_examples", 2001),
    "fewer generated rows than arrived": (4, "costs.synthetic_examples", 999, "costs.synthetic_examples"),
    "more candidates than the rules allow": (4, "costs.synthetic_examples", 17_001),
    "marks without access": (4, "costs.mark_calls", 1),
    "a verifier without access": (4, "costs.verifier_calls", 1),
    "rewards without access": (4, "costs.reward_calls", 1),
    "scored rows before the first generation": (2, "costs.scored_tokens", 5),
    "an extra step of training": (4, "costs.optimizer_steps", 2101),
    "training that stands still": (4, "costs.trained_tokens", 0),
    "a cost that nobody counts": (4, "costs.bribes", 1, "costs"),
    "a cost that is not counted": (4, "costs.mark_calls", removed, "costs"),
    "half a cost": (4, "costs.trained_tokens", 0.5),
    "a log that is a list": (4, "log", []),
    "a log of words": (4, "log", {"kept": "all"}, "log.kept"),
    "a log with a long key": (4, "log", {"k" * 101: 1.0}, "log." + "k" * 101),
    "a log of many keys": (4, "log", {f"key {i}": 1.0 for i in range(65)}, "log"),
    "time that runs back": (4, "seconds.fit", -1.0),
    "time without end": (4, "seconds.fit", "inf"),
    "a hundred years": (4, "seconds.fit", 1e10),
}


@pytest.fixture(scope="module")
def honest():
    """The lines of an honest file, as JSON holds them."""
    results = fabricate.cells("accumulate", SETTING, seeds=range(2))
    return [json.loads(line) for line in fabricate.write_results(results).splitlines()]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes a records file, bytes or JSON by line."""
    monkeypatch.chdir(tmp_path)

    def write(content, name="accumulate"):
        path = Path("quick/records") / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            content if isinstance(content, bytes) else "".join(f"{to_line(c)}\n" for c in content).encode()
        )
        return path

    return write


def put(content, field, value):
    *parts, last = field.split(".")
    for part in parts:
        content = content[part]
    if value is removed:
        del content[last]
    else:
        content[last] = value


def assert_named(ran, path, line, field):
    assert ran.code == 3
    assert ran.out == ""
    message, hint = ran.err.splitlines()
    assert message.startswith(f"Error: {path}:{line}: {field}: "), message
    assert message.isascii() and len(message) < 400
    assert hint.startswith("Hint: ")


@pytest.mark.parametrize("claim", FORGED)
def test_what_no_run_can_have_written_is_named(console, write, honest, claim):
    line, field, value, *named = FORGED[claim]
    forged = json.loads(json.dumps(honest))
    put(forged[line - 1], field, value)
    path = write(forged)
    said, at = (named or [field])[0], named[1] if len(named) > 1 else line
    assert_named(console("verify", path, "--cells", "0"), path, at, said)


DAMAGED = {
    "nothing": (lambda text: b"", 1),
    "zeros": (lambda text: b"\0" * 1000, 1),
    "blanks": (lambda text: b"\n" + text, 1),
    "half a line": (lambda text: text[:-30], 12),
    "no end of line": (lambda text: text[:-1], 12),
    "a line in the middle gone": (
        lambda text: b"".join(text.splitlines(keepends=True)[:3] + text.splitlines(keepends=True)[4:]),
        4,
    ),
    "the last lines gone": (lambda text: b"".join(text.splitlines(keepends=True)[:-2]), 7),
    "a generation first": (lambda text: b"".join(text.splitlines(keepends=True)[1:]), 1),
    "lines of Windows": (lambda text: text.replace(b"\n", b"\r\n"), 1),
    "a byte order mark": (lambda text: b"\xef\xbb\xbf" + text, 1),
    "another encoding": (lambda text: text.decode().encode("utf-16"), 1),
    "a byte of Latin-1": (lambda text: text.replace(b"Accumulate", b"Accumul\xe9"), 1),
    "a list": (lambda text: b"[" + text.replace(b"\n", b",")[:-1] + b"]\n", 1),
    "another language": (lambda text: b"schema: 5\n", 1),
    "nested deeply": (lambda text: b"[" * 100_000 + b"\n" + text, 1),
    "a key twice": (lambda text: text.replace(b'"seed":0', b'"seed":0,"seed":0'), 1),
    "a number that JSON has not": (lambda text: text.replace(b'"seed":0', b'"seed":NaN'), 1),
    "blanks between": (lambda text: text.replace(b'"seed":0', b'"seed": 0'), 1),
    "a number with zeros": (lambda text: text.replace(b'"synthetic_share":0.0,', b'"synthetic_share":0.00,'), 2),
    "a merge that stopped": (lambda text: b"<<<<<<< ours\n" + text, 1),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_file_is_named_with_the_line(console, write, honest, damage):
    spoil, line = DAMAGED[damage]
    path = write("".join(f"{to_line(content)}\n" for content in honest).encode())
    path.write_bytes(spoil(path.read_bytes()))
    ran = console("verify", path, "--cells", "0")
    assert ran.code == 3
    assert ran.err.startswith(f"Error: {path}:{line}: ")
    assert len(ran.err.splitlines()) == 2 and len(ran.err) < 600


# -- what a record may say, and what pages make of it -------------------------------------------------------

SETTINGS = ["gaussian/preserve", "arithmetic/grow"]
HOSTILE = "<script>x</script> | [y](javascript:z) ![i](https://e.org/i.png) `c` $m$ &lt;b&gt; \\ * _ ~ # > ] ) '"
SIZES = (0.0, 5e-324, 1e-300, 1e12, 0.2)


def losses(*values):
    return lambda result: fabricate.with_losses(result, None, *values)


def told(**fields):
    return lambda result: replace(result, cell=result.cell.changed(**fields))


def of_generations(**fields):
    def changed(result):
        later = tuple(g.changed(**fields) for g in result.generations[1:])
        return replace(result, generations=(result.generations[0], *later))

    return changed


def named(**fields):
    return lambda result: replace(result, cell=result.cell.changed(method=result.cell.method.changed(**fields)))


EXTREME = {
    "no loss at all": losses(0.0, 0.0, 0.0, 0.0),
    "the least loss": losses(*[5e-324] * 4),
    "a tiny loss": losses(*[1e-300] * 4),
    "the largest loss": losses(*[1e12] * 4),
    "losses of all sizes": losses(*SIZES[:4]),
    "another size with each seed": lambda r: fabricate.with_losses(r, None, *[SIZES[r.cell.seed]] * 4),
    "one loss": losses(*[0.25] * 4),
    "as many costs as there are": lambda r: replace(
        r,
        generations=(
            *r.generations[:4],
            r.generations[4].changed(costs={**r.generations[4].costs, "trained_tokens": 2**53}),
        ),
    ),
    "as many rows as there are": of_generations(rows=2**53),
    "one row": of_generations(rows=1),
    "logs of all sizes": lambda r: of_generations(
        log=dict(
            zip(("kept", "changed", "kl"), ((1e308, -1e308, math.nan)[r.cell.seed], math.inf, 5e-324), strict=True)
        )
    )(r),
    "logs of markup": of_generations(log={"<b>|`*_[x](y)": 1.0}),
    "no time": of_generations(seconds={}),
    "all time": of_generations(seconds={"fit": 1e9, "curate": 1e9}),
    "other metrics at their ends": lambda r: of_generations(
        metrics={**r.generations[0].metrics, **dict.fromkeys(r.cell.task.shown, (0.0, 100.0, math.nan)[r.cell.seed])}
    )(r),
    "a model as large as there is": told(parameters=2**53),
    "an environment of markup": told(environment={"machine": HOSTILE, "torch": HOSTILE, "date": HOSTILE}),
    "a day that is none": told(environment={"date": "2026-99-99"}),
    "a day that is a number": told(environment={"date": 5}),
    "nothing of the machine": told(environment={}),
    "sentences of markup": named(title=HOSTILE, description=HOSTILE * 5, paper=HOSTILE),
    "a long label": named(params={"most": "x" * 900}, label=f"accumulate(most={'x' * 900})"),
    "a label of markup": named(params={"most": HOSTILE}, label=f"accumulate(most={HOSTILE})"),
    "a theory of all sizes": lambda r: told(theory={r.cell.task.primary: SIZES})(r),
    "a theory that ends nowhere": lambda r: told(theory={r.cell.task.primary: (math.nan, math.inf, -math.inf, 0, 1)})(
        r
    ),
    "a failure with markup": lambda r: replace(
        r, cell=r.cell.changed(status="failed", reason=HOSTILE), generations=r.generations[:2]
    ),
    "a divergence at once": lambda r: replace(
        r, cell=r.cell.changed(status="diverged", reason=HOSTILE), generations=()
    ),
}


def shown(folder):
    """The text of the pages of a board, without a warning of any library; its figures are drawn, too."""
    with warnings.catch_warnings(), np.errstate(over="raise", divide="raise", invalid="raise"):
        warnings.simplefilter("error")
        view = load_view(folder)
        assert view.aside == ()
        assert page.summary(view.board)
        for content in page.files(view).values():
            if isinstance(content, Curves):
                curves.draw(content)
            elif isinstance(content, CostPlot):
                cost_plot.draw(content)
        return markdown.write(page.readme(view)) + html([page.whole(view)])


@pytest.mark.parametrize("method", ["accumulate", "frozen", "take_newest"])
@pytest.mark.parametrize("extreme", EXTREME)
def test_nothing_in_a_record_makes_a_page_fail(tmp_path, extreme, method):
    if "label" in extreme and method != "accumulate":
        pytest.skip("a reference has no parameters")
    change = EXTREME[extreme]
    results = fabricate.references(SETTINGS) + fabricate.cells("accumulate", SETTINGS)
    results += fabricate.cells("real_mix", SETTINGS)
    fixed = "curve" if "row" in extreme else ""  # whose rows are the rules' own
    own = [r.cell.method.name == method and r.cell.world.name != fixed for r in results]
    made = [change(result) if is_own else result for result, is_own in zip(results, own, strict=True)]
    folder = fabricate.board(tmp_path / "quick", made)
    text = shown(folder)
    assert "<script>x" not in re.sub(r"`[^`\n]*`", "", text)
    assert "entry-real-mix" in text


def scores(board):
    return {(e.label, g.name): repr(board.scores.score(e, g)) for e in board.entries for g in board.groups}


def test_a_file_put_aside_stands_on_the_page_and_ends_the_command_with_3(console, tmp_path):
    results = fabricate.references(SETTINGS) + fabricate.cells("accumulate", SETTINGS)
    folder = fabricate.board(tmp_path / "boards" / "quick", results)
    before = write_board(folder)
    bad = folder / "records" / "real_mix.jsonl"
    bad.write_bytes(b"{}\n")
    for words in (["--check"], [], ["--html", "page.html"]):
        ran = console("leaderboard", "--boards", "boards", *words)
        assert ran.code == 3
        assert "Traceback" not in ran.err
    assert (
        ran.err.splitlines()[0]
        == "Error: boards/quick/records/real_mix.jsonl:1: kind: must be 'cell' or 'generation', not None."
    )
    ran = console("leaderboard", "--boards", "boards", "--check")
    assert ran.code == 3
    assert "boards/quick/records/real_mix.jsonl:1: kind" in ran.err
    for text in ((folder / "README.md").read_text(encoding="utf-8"), Path("page.html").read_text(encoding="utf-8")):
        assert "Put aside" in text and "records/real_mix.jsonl:1: kind" in text and "boards/quick" not in text
    view = load_view(folder)
    assert scores(view.board) == scores(before.board)
    bad.unlink()
    assert console("leaderboard", "--boards", "boards").code == 0
    assert "Put aside" not in (folder / "README.md").read_text(encoding="utf-8")
