"""Methods that reach for what they do not declare, or call themselves or their rows what they are not."""

from pathlib import Path

import pytest
import yaml

from collapsebench.board import load_board
from collapsebench.core.method import references
from collapsebench.results.reader import read_results

HEAD = """
from dataclasses import dataclass

import torch

from collapsebench import Corpus, Method, MethodCard, method
"""

RECORDS = Path("boards/toys/records")


def plug_in(name, card, returned):
    return f'''{HEAD}
@method("{name}")
class Plugin(Method):
    """Not what it seems."""

    card = MethodCard(title="Plugin"{card})

    def curate(self, arrivals, ctx):
        return {returned}
'''


@pytest.fixture
def words(toys, toy_file):
    """The words that run a method of this source in this process, beside the references."""

    def of(name, source, *options):
        Path(f"{name}.py").write_text(source)
        plugins = ("--plugin", toy_file, "--plugin", f"{name}.py")
        return ("run", "--protocol", toys, *plugins, "--method", name, "--workers", "0", "--store", "store", *options)

    return of


@pytest.fixture
def run_one(cli, words):
    """Run a method from source on one task with one seed, beside the references."""
    options = ("--task", "toy", "--seeds", "1", "--boards", "boards")
    return lambda name, source: cli(*words(name, source, *options))


PEEKING = {
    "real data": ("history", "ctx.trusted"),
    "what came before": ("history", "ctx.history[0]"),
    "its last corpus": ("history", "ctx.previous"),
    "the first model": ("history", "ctx.initial_model.generate(4)"),
    "new real data": ("fresh", "ctx.fresh_real(1)"),
    "marks": ("mark", "(ctx.mark(arrivals), arrivals)[1]"),
    "the verifier": ("verifier", "(ctx.verify(arrivals), arrivals)[1]"),
    "the reward": ("reward", "(ctx.reward(arrivals), arrivals)[1]"),
    "a prior": ("prior", "(ctx.prior.log_prob(arrivals), arrivals)[1]"),
}


@pytest.mark.parametrize("what", PEEKING)
def test_a_method_that_peeks_fails_its_cells_and_the_others_stand(run_one, what):
    access, returned = PEEKING[what]
    ran = run_one("peeker", plug_in("peeker", "", returned))
    assert ran.code == 1
    assert "1 cells failed; the others stand." in ran.err
    assert "peeker on toy/preserve, seed 0, generation 1: " in ran.err
    assert f"without declaring access '{access}'" in ran.err
    status = {r.cell.method.name: r.cell.status for path in RECORDS.glob("*.jsonl") for r in read_results(path)}
    assert status == {"peeker": "failed", "take_newest": "done", **dict.fromkeys(references("preserve"), "done")}
    assert "without declaring access" in Path("boards/toys/README.md").read_text()


@pytest.mark.parametrize(
    ("card", "said"),
    [
        (', reference={"preserve"}', "Method 'boaster' calls itself a reference; only methods of this package are."),
        (', access={"fresh"}', "Method 'boaster' declares access 'fresh': new real data are the world's"),
    ],
)
def test_nobody_takes_what_only_references_have(console, words, card, said):
    ran = console(*words("boaster", plug_in("boaster", card, "arrivals")))
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith(f"Error: {said}")
    assert not Path("boards").exists()


def test_what_a_method_calls_its_track_is_not_asked(run_one):
    boast = plug_in("boaster", ', access={"history"}', "ctx.trusted") + '    track = "blind"\n'
    assert run_one("boaster", boast).code == 0
    (result,) = read_results(RECORDS / "boaster.jsonl")
    assert (result.cell.method.reference, result.cell.method.track) == (False, "anchored")


def test_nobody_takes_the_name_of_a_reference(console, toys):
    Path("replace.py").write_text(plug_in("replace", "", "arrivals"))
    ran = console("run", "--protocol", toys, "--plugin", "replace.py", "--method", "replace")
    assert ran.code == 3
    assert "Method 'replace' is defined twice" in ran.err


HONEST_RECORDS = {
    # name: card, what it returns, shares of real and of generated rows in the last generation
    "first_rows": (', access={"history"}', "ctx.trusted", (1.0, 0.0)),
    "one_more_row": (
        ', access={"history"}',
        "Corpus.concat([ctx.trusted, arrivals.select(torch.tensor([0]))])",
        (0.8, 0.2),
    ),
    "relabelled": ("", "Corpus({name: arrivals[name] for name in arrivals.names})", (0.0, 1.0)),
    "copied_real": (
        ', access={"history"}',
        "Corpus({name: ctx.trusted[name].clone() for name in ctx.trusted.names})",
        (1.0, 0.0),
    ),
}


NOWHERE = {
    "made": "Corpus({'x': arrivals['x'] + 0.5})",
    "remembered": "ctx.remember(arrivals.with_columns(x=arrivals['x'] + 0.5), 'accumulate')",
    "left_alone": "ctx.model.resample(Corpus({'x': arrivals['x'] + 0.5}), torch.zeros(len(arrivals), 1, dtype=bool))",
}


@pytest.mark.parametrize("name", NOWHERE)
def test_rows_that_a_method_makes_by_itself_fail_its_cells(run_one, name):
    ran = run_one(name, plug_in(name, "", NOWHERE[name]))
    assert ran.code == 1
    assert f"{name} on toy/preserve, seed 0, generation 1: " in ran.err
    assert f"Method '{name}' has 4 of 4 rows from nowhere" in ran.err
    (result,) = read_results(RECORDS / f"{name}.jsonl")
    assert result.cell.status == "failed"


@pytest.mark.parametrize("name", HONEST_RECORDS)
def test_the_harness_knows_rows_by_their_content(run_one, name):
    """What a method's corpus claims is not asked."""
    card, returned, shares = HONEST_RECORDS[name]
    assert run_one(name, plug_in(name, card, returned)).code == 0
    (result,) = read_results(RECORDS / f"{name}.jsonl")
    last = result.generations[-1]
    assert (last.real_share, last.synthetic_share) == pytest.approx(shares)


@pytest.mark.parametrize("name", ["first_rows", "one_more_row", "relabelled"])
def test_records_that_say_so_pass_check_and_verify(run_one, cli, toys, toy_file, name):
    card, returned, _ = HONEST_RECORDS[name]
    run_one(name, plug_in(name, card, returned))
    assert cli("check", f"{name}.py", "--task", "gaussian").code == 0
    words = (
        "verify",
        "--protocol",
        toys,
        "--plugin",
        toy_file,
        "--plugin",
        f"{name}.py",
        "--workers",
        "0",
        "--partial",
    )
    ran = cli(*words, RECORDS / f"{name}.jsonl")
    assert ran.code == 0
    assert f"run again: {name} on toy/preserve, seed 0" in ran.out


@pytest.mark.parametrize("share", ["real_share", "synthetic_share"])
def test_a_share_that_the_content_does_not_give_is_found_by_verify(run_one, console, toys, toy_file, share):
    card, returned, _ = HONEST_RECORDS["one_more_row"]
    run_one("one_more_row", plug_in("one_more_row", card, returned))
    path = RECORDS / "one_more_row.jsonl"
    shown, forged = {"real_share": ("0.8", "0.3"), "synthetic_share": ("0.2", "0.1")}[share]
    text = path.read_text()
    assert f'"{share}":{shown}' in text
    path.write_text(text.replace(f'"{share}":{shown}', f'"{share}":{forged}'))
    words = (
        "verify",
        "--protocol",
        toys,
        "--plugin",
        toy_file,
        "--plugin",
        "one_more_row.py",
        "--workers",
        "0",
        "--partial",
    )
    ran = console(*words, path)
    assert ran.code == 3
    assert f"one_more_row on toy/preserve, seed 0: {share} at generation 1 is recorded as {forged}" in ran.err


PRYING = {
    "the context's slots": ("ctx._arrivals", "reads ctx._arrivals"),
    "the slots by name": ("getattr(ctx, '_pool')", "calls getattr(ctx, '_pool')"),
    "the closure": ("ctx.log.__self__.arrivals", "reads ctx.log.__self__"),
}


@pytest.mark.parametrize("what", PRYING)
def test_check_refuses_a_method_that_reads_what_is_hidden_and_names_line_and_attribute(cli, what):
    returned, said = PRYING[what]
    source = plug_in("prying", "", f"arrivals if {returned} is None else arrivals")
    Path("prying.py").write_text(source)
    line = 1 + source[: source.index("return ")].count("\n")
    ran = cli("check", "prying.py", "--task", "gaussian")
    assert ran.code == 3
    assert f"Line {line}: {said}." in ran.out
    assert "method prying: failed: public_attributes" in ran.out


def test_records_of_a_method_that_reads_what_is_hidden_are_not_verified(run_one, console, toys, toy_file):
    source = plug_in("prying", "", "arrivals if ctx._arrivals is None else arrivals")
    run_one("prying", source)
    options = ("--protocol", toys, "--plugin", toy_file, "--plugin", "prying.py", "--workers", "0", "--partial")
    ran = console("verify", *options, RECORDS / "prying.jsonl")
    assert ran.code == 3
    line = 1 + source[: source.index("return ")].count("\n")
    said = f"prying.jsonl: method: its source reads what is hidden from methods. Line {line}: reads ctx._arrivals."
    assert ran.err.splitlines()[0].endswith(said)


# -- on a board ----------------------------------------------------------------------------------------


COPIES = f"""{HEAD}
def copy(i):
    class Copy(Method):
        \"\"\"Half real rows, half newest ones, under another name.\"\"\"

        card = MethodCard(title="Copy", access={{"history"}})

        def curate(self, arrivals, ctx):
            half = ctx.n // 2
            return Corpus.concat([ctx.trusted.sample(half, ctx.rng), arrivals.sample(ctx.n - half, ctx.rng)])

    method(f"z_copy_{{i:02}}")(Copy)

for i in range(12):
    copy(i)
"""

HONEST = COPIES.replace("z_copy_{i:02}", "half_real").replace("range(12)", "range(1)")


@pytest.fixture
def rules():
    """A protocol in which worth has resolution, in seconds."""
    keys = {"name": "fair", "version": 1, "description": "Fair.", "generations": 4, "seeds": 3, "average_last": 2}
    worlds = {"preserve": {}, "purify": {"k": 200}}
    Path("fair.yaml").write_text(yaml.safe_dump({**keys, "tasks": {"gaussian": {"n": 100, "worlds": worlds}}}))
    return ("--protocol", "fair.yaml", "--workers", "0", "--store", "store", "--boards", "boards")


def told(board):
    """Everything that a board says of two honest entries: scores, ranks and the verdict between them."""
    half, subsample = (
        next(e for e in board.entries if e.label == name) for name in ("half_real", "accumulate_subsample")
    )
    return [
        (
            group.question,
            board.scores.verdict(half, subsample, group),
            *((board.scores.score(e, group).seeds, board.ranks.rank(e, group)) for e in (half, subsample)),
        )
        for group in board.groups
    ]


def test_no_dishonest_method_is_first_or_changes_another_entry(cli, rules):
    Path("half_real.py").write_text(HONEST)
    honest = ("--plugin", "half_real.py", "--method", "half_real,accumulate_subsample")
    assert cli("run", *rules, *honest).code == 0
    before = told(load_board(Path("boards/fair")))
    assert [rank for _, _, (_, one), (_, other) in before for rank in (one, other)] == [1, 1, 1, 1]

    Path("copies.py").write_text(COPIES)
    names = [f"z_copy_{i:02}" for i in range(12)]
    plugins = ["--plugin", "half_real.py", "--plugin", "copies.py"]
    for name in ("first_rows", "one_more_row", "relabelled"):
        card, returned, _ = HONEST_RECORDS[name]
        Path(f"{name}.py").write_text(plug_in(name, card, returned))
        plugins += ["--plugin", f"{name}.py"]
        names.append(name)
    ran = cli("run", *rules, *plugins, "--method", ",".join(names))
    assert ran.code == 0

    board = load_board(Path("boards/fair"))
    assert told(board) == before
    entries = {entry.label: entry for entry in board.entries}
    assert {board.ranks.rank(entries[name], group) for name in names for group in board.groups} == {None}
    called = {name: [board.ranks.called(entries[name], question) for question in board.questions] for name in names}
    assert called.pop("first_rows") == ["the same losses as frozen, to the last bit"] * 2
    assert called.pop("one_more_row") == ["trains on few model-made rows (1%)", "trains on hardly a model-made row"]
    same = [f"the same losses as {reference}, to the last bit" for reference in ("replace", "take_newest")]
    assert called.pop("relabelled") == same
    assert called == dict.fromkeys(called, ["the same losses as half_real, to the last bit"] * 2)
