import os
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from collapsebench.core.method import references
from collapsebench.loop.executors import local
from collapsebench.loop.store import Store
from collapsebench.results import reader
from collapsebench.results.reader import read_results


@pytest.fixture
def lineup(registries):
    """What is run beside a method on one task of the toy protocol, its learning curve first."""
    return ["take_newest", *references("preserve")]


def test_a_run_fills_a_board_with_the_method_and_the_references(cli, run_toys, lineup):
    ran = cli(*run_toys, "--method", "toy_blend")

    assert ran.code == 0
    assert "Board: boards/toys/README.md" in ran.out.splitlines()
    page = Path("boards/toys/README.md").read_text()
    for name in ("toy_blend", "replace", "frozen", "fresh_real"):
        assert name in page
    assert {path.stem for path in Path("boards/toys/records").iterdir()} == {"toy_blend", *lineup}
    cells = 2 * 2 * (len(lineup) + 1)  # tasks, seeds, methods
    assert len(Store(Path("store")).cells()) == cells
    assert f"[{cells}/{cells}]" in ran.err


def test_a_run_of_some_worlds_fills_their_columns(cli, run_toys, toys):
    rules = yaml.safe_load(toys.read_text())
    worlds = {"preserve": {}, "purify": {"k": 6}, "grow": {"m": 8}}
    toys.write_text(yaml.safe_dump({**rules, "tasks": {"toy": {**rules["tasks"]["toy"], "worlds": worlds}}}))
    assert cli(*run_toys, "--method", "toy_blend", "--world", "purify,grow").code == 0
    found = {r.place[2] for path in Path("boards/toys/records").glob("*.jsonl") for r in read_results(path)}
    assert found == {"curve", "purify", "grow"}
    results = read_results(Path("boards/toys/records/toy_blend.jsonl"))
    assert {(r.place[2], r.cell.world.arrivals) for r in results} == {("purify", 6), ("grow", 8)}
    oracle = read_results(Path("boards/toys/records/oracle.jsonl"))
    assert [r.generations[-1].rows for r in oracle] == [4 + 2 * 3] * 2  # D_0 and half of each arrival


def test_a_second_run_reuses_everything_and_changes_no_byte(cli, run_toys, monkeypatch):
    cli(*run_toys, "--method", "toy_blend")
    before = {path: path.read_bytes() for path in Path("boards").rglob("*") if path.is_file()}
    monkeypatch.setattr(local.Here, "run", lambda _, cells, *rest: pytest.fail("ran again") if cells else iter(()))

    assert cli(*run_toys, "--method", "toy_blend").code == 0

    assert {path: path.read_bytes() for path in Path("boards").rglob("*") if path.is_file()} == before


def test_a_new_version_of_a_protocol_takes_over_the_cells_whose_rules_stand(cli, run_toys, toys, lineup):
    cli(*run_toys)
    rules = yaml.safe_load(toys.read_text())
    longer = {**rules["tasks"]["toy_sgd"], "worlds": {"preserve": {"generations": 3}}}
    tasks = {"toy": rules["tasks"]["toy"], "toy_sgd": longer}
    toys.write_text(yaml.safe_dump({**rules, "version": 2, "tasks": tasks}))

    plan = cli(*run_toys, "--dry-run").out.splitlines()
    assert {line.split(":")[0] for line in plan if " on toy/" in line} == {"done"}
    assert {line.split(":")[0] for line in plan if " on toy_sgd/curve," in line} == {"done"}
    assert {line.split(":")[0] for line in plan if " on toy_sgd/preserve," in line} == {"to run"}
    assert cli(*run_toys, "--boards", "newer").code == 0
    cells = [r.cell for path in Path("newer/toys/records").glob("*.jsonl") for r in read_results(path)]
    assert len(cells) == 2 * 2 * len(lineup)  # tasks, seeds
    assert {cell.protocol.version for cell in cells} == {2}
    assert len({cell.protocol.digest for cell in cells}) == 1


def test_tasks_seeds_and_parameters_can_be_chosen(cli, run_toys, lineup):
    ran = cli(*run_toys, "--method", "toy_blend", "--task", "toy", "--seeds", "1", "--set", "share=0.25", "--dry-run")
    assert ran.out.splitlines() == [
        "to run: take_newest on toy/curve, seed 0",
        *(f"to run: {name} on toy/preserve, seed 0" for name in lineup[1:]),
        "to run: toy_blend(share=0.25) on toy/preserve, seed 0",
        f"{len(lineup) + 1} cells",
    ]
    assert not Path("store").exists()


COUNTED = """
import os
from dataclasses import dataclass
from pathlib import Path
from collapsebench import Method, MethodCard, method, task, testing

def count(kind):
    with Path("made.txt").open("a") as file:
        file.write(f"{kind} {os.getpid()}\\n")

@task("counted_task")
@dataclass(frozen=True)
class Counted(testing.Toy):
    def __post_init__(self):
        count("task")

@method("counted_method")
@dataclass(frozen=True)
class Counting(Method):
    card = MethodCard(title="Counting")

    def __post_init__(self):
        count("method")

    def curate(self, synthetic, ctx):
        return synthetic
"""


def test_a_cell_is_built_once_here_and_once_in_the_worker_that_runs_it(cli, toys, lineup):
    plugin = Path("counted/task.py")  # what stands in a task's file is made in the harness's own processes
    plugin.parent.mkdir()
    plugin.write_text(COUNTED)
    rules = yaml.safe_load(toys.read_text())
    toys.write_text(yaml.safe_dump({**rules, "tasks": {"counted_task": {"n": 4, "worlds": {"preserve": {}}}}}))
    words = ("run", "--protocol", toys, "--plugin", plugin, "--method", "counted_method")

    assert cli(*words, "--workers", "2").code == 0

    made = [line.split() for line in Path("made.txt").read_text().splitlines()]
    here = [kind for kind, process in made if process == str(os.getpid())]
    assert sorted(here) == ["method", "task"]  # one of each for all cells
    assert sum(kind == "method" for kind, _ in made) == 1 + 2  # two seeds
    assert sum(kind == "task" for kind, _ in made) == 1 + 2 * (len(lineup) + 1)


def test_a_run_parses_each_line_of_the_records_once(cli, run_toys, lineup, monkeypatch):
    cli(*run_toys, "--task", "toy")
    reader.parse_results.cache_clear()
    parsed = Counter()
    monkeypatch.setattr(reader, "_parsed", lambda line, real=reader._parsed: parsed.update([line]) or real(line))

    assert cli(*run_toys, "--task", "toy", "--method", "toy_blend").code == 0

    curve = read_results(Path("boards/toys/records/take_newest.jsonl"))[0].cell.world.generations
    assert len(parsed) == 2 * (len(lineup) * 4 + curve + 2)  # two seeds; a cell and three generations, or a curve
    assert set(parsed.values()) == {1}


def test_a_dry_run_says_what_is_done_and_what_is_skipped(cli, run_toys):
    cli(*run_toys, "--task", "toy", "--seeds", "1")
    ran = cli(*run_toys, "--task", "toy", "--seeds", "1", "--method", "toy_picky", "--dry-run")
    assert ran.out.splitlines()[0] == "done: take_newest on toy/curve, seed 0"
    assert "done: replace on toy/preserve, seed 0" in ran.out
    assert "unsupported (needs site_weights, which toy does not have): toy_picky on toy/preserve, seed 0" in ran.out


def test_the_terminal_says_what_an_entry_lacks_and_why_there_is_no_worth(cli, run_toys, toys, toy_file):
    out = cli(*run_toys, "--method", "toy_blend,toy_fail", "--seeds", "1", "--task", "toy").out.splitlines()
    (said,) = [i for i, line in enumerate(out) if line.startswith("Incomplete: ")]
    assert out[said] == "Incomplete: toy_blend lacks seed 1 on toy/preserve; toy_fail lacks seeds 0, 1 on toy/preserve."
    words = f"--task toy --protocol {toys} --plugin {toy_file}"
    assert [line.split(" --method ")[1] for line in out[said + 1 :]] == [f"toy_blend {words}", f"toy_fail {words}"]
    assert not [line for line in cli(*run_toys, "--method", "toy_blend").out.splitlines() if "Incomplete" in line]


def test_the_terminal_says_where_there_is_no_worth(cli, run_toys, toys):
    rules = yaml.safe_load(toys.read_text())
    worlds = {"preserve": {}, "purify": {"k": 400}}
    gaussian = {"n": 100, "worlds": {"preserve": {}}}
    tasks = {"toy": {**rules["tasks"]["toy"], "worlds": worlds}, "gaussian": gaussian}
    toys.write_text(yaml.safe_dump({**rules, "tasks": tasks}))
    out = cli(*run_toys, "--method", "toy_blend").out.splitlines()
    assert [line for line in out if line.startswith("No worth")] == [
        "No worth in preserve, own, as no setting counts: toy/preserve (no resolution).",
        "No worth in purify, own, as no setting counts: toy/purify (no resolution).",
    ]  # of the learning curve of `gaussian` there is no doubt


def test_explain_names_the_parts_of_each_key(cli, run_toys):
    ran = cli(*run_toys, "--task", "toy", "--seeds", "1", "--explain")
    for part in ("cell", "rules of the task", "world", "task", "method", "loop code"):
        assert re.search(rf"^    {part}: [0-9a-f]{{64}}( |$)", ran.out, re.MULTILINE)


def test_a_cell_that_fails_is_named_and_the_others_stand(cli, run_toys):
    ran = cli(*run_toys, "--task", "toy", "--method", "toy_fail")
    assert ran.code == 1
    assert "2 cells failed; the others stand." in ran.err
    assert "toy_fail on toy/preserve, seed 1, generation 2: RuntimeError: boom" in ran.err
    assert "Traceback (" not in ran.out + ran.err
    assert "Board: " in ran.out
    assert len(list(Path("store").rglob("failure.txt"))) == 2


def test_an_interrupted_run_says_how_to_resume_and_resumes(cli, run_toys, lineup, monkeypatch):
    command = ("--method", "toy_blend", "--task", "toy_sgd", "--seeds", "1")

    def interrupt(self, cell, t):
        if cell.method.name == "toy_blend":
            raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["collapsebench", *map(str, run_toys), *command])
    with monkeypatch.context() as patched:
        patched.setattr("collapsebench.cli.progress.LiveProgress.generation", interrupt)
        ran = cli(*run_toys, *command)

    assert ran.code == 130
    done = f"{len(lineup)} of {len(lineup) + 1} cells"
    assert f"Interrupted: {done} are finished and kept. Resume with:\n  collapsebench run " in ran.err
    assert "--task toy_sgd" in ran.err
    assert cli(*run_toys, *command).code == 0


# -- a user's mistakes, through the console script -------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--method", "toy_blent"], "Unknown method 'toy_blent'.", "Did you mean 'toy_blend'?"),
        (["--task", "toi"], "Unknown task 'toi' of protocol 'toys'.", "Did you mean 'toy'?"),
        (["--protocol", "quik"], "Unknown protocol 'quik'.", "Did you mean 'quick'?"),
        (
            ["--method", "toy_blend", "--set", "shar=1"],
            "Unknown parameter 'shar' of method 'toy_blend'.",
            "Did you mean 'share'?",
        ),
        (["--set", "share"], "--set share is not NAME=VALUE.", "For example: --set threshold=0.999"),
        (
            ["--set", "share=1"],
            "--set share=1 is given without a method.",
            "Name the method: --method 'METHOD(share=1)'.",
        ),
        (
            ["--method", "toy_blend,toy_fail", "--set", "share=.6"],
            "--set share=.6 may belong to any of toy_blend, toy_fail.",
            "Name the method: --set METHOD.share=.6, or --method 'METHOD(share=.6)'.",
        ),
        (["--task", ""], "--task names nothing.", "Leave it out, or write names with commas between them."),
        (["--method", " ,"], "--method names nothing.", "Leave it out, or write names with commas between them."),
        (["--plugin", "missing.py"], "No plug-in file ", "Pass the path of a Python file, NAME.py."),
    ],
)
def test_an_unknown_name_ends_with_2_one_message_and_one_hint(console, run_toys, words, message, hint):
    ran = console(*run_toys, *words)
    assert ran.code == 2
    said = ran.err.splitlines()
    assert len(said) == 2
    assert said[0].startswith(f"Error: {message}")
    assert said[1] == f"Hint: {hint}"


@pytest.mark.parametrize(("old", "new"), [("n: 4", "n: -4"), ("seeds: 2", "sedes: 2"), ("noise: 0.1", "noize: 0.1")])
def test_a_wrong_protocol_ends_with_3_and_names_the_key(console, run_toys, toys, old, new):
    toys.write_text(toys.read_text().replace(old, new))
    ran = console(*run_toys)
    assert ran.code == 3
    assert ran.err.startswith("Error: ")
    assert new.partition(":")[0] in ran.err
    assert len(ran.err.splitlines()) <= 2


@pytest.mark.parametrize("setting", ["alpha=1.5", "alpha=nan", "size=0", "size=inf", "growth=-1", "decay=-1"])
def test_a_schedule_out_of_range_ends_with_2_and_names_the_field(console, run_toys, setting):
    ran = console(*run_toys, "--method", "fresh_mix", "--set", setting)
    assert ran.code == 2
    assert ran.err.startswith(f"Error: Parameter {setting.partition('=')[0]}=")
    assert len(ran.err.splitlines()) == 1


def test_a_broken_plugin_ends_with_3(console, run_toys, tmp_path):
    (tmp_path / "broken.py").write_text("1 / 0")
    ran = console(*run_toys, "--plugin", "broken.py")
    assert ran.code == 3
    assert "broken.py cannot be imported: ZeroDivisionError" in ran.err
    assert "Traceback" not in ran.err


def test_a_full_disk_ends_with_1_and_a_clear_error(console, run_toys, monkeypatch):
    def full(handle):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    ran = console(*run_toys, "--task", "toy", "--seeds", "1")
    assert ran.code == 1
    assert "the disk is full" in ran.err.splitlines()[-2]
    assert "Traceback" not in ran.err


def test_debug_shows_the_traceback(console, run_toys, monkeypatch):
    from collapsebench.core.errors import UsageError

    monkeypatch.setenv("COLLAPSEBENCH_DEBUG", "")  # put back at the end, as --debug sets it
    with pytest.raises(UsageError):
        console("--debug", *run_toys, "--method", "toy_blent")


def test_wrong_options_are_typers_to_explain(console):
    assert console("run", "--seeds", "0").code == 2
    assert console("run", "--executor", "moon").code == 2
    assert console("rum").code == 2


def test_missing_data_are_one_message_before_anything_runs(console, monkeypatch, tmp_path):
    monkeypatch.delenv("COLLAPSEBENCH_DATA", raising=False)
    ran = console("run", "--protocol", "classic", "--task", "babistories", "--method", "accumulate", "--store", "store")
    assert ran.code == 2
    assert ran.err.count("is missing") == 1
    assert "COLLAPSEBENCH_DATA" in ran.err and "tinystories/" in ran.err
    assert not list(tmp_path.glob("store/cells/*"))


@pytest.mark.parametrize("seeds", ["0", "1000000000"])
def test_a_number_of_seeds_that_cannot_be_meant_is_refused_at_once(console, run_toys, seeds):
    ran = console(*run_toys, "--dry-run", "--seeds", seeds)
    assert ran.code == 2
    assert "Invalid value for '--seeds': Input should be" in ran.err
    assert ran.out == ""


# -- methods and their hyper-parameters ----------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "labels"),
    [
        (["--method", "real_mix(alpha=0.2)"], ["real_mix(alpha=0.2)"]),
        (["--method", "tempered,real_mix(alpha=0.2)", "--method", "tempered(temperature=0.5, top_k=2)"],
         ["tempered", "real_mix(alpha=0.2)", "tempered(temperature=0.5, top_k=2)"]),
        (["--method", "tempered", "--set", "top_k=2", "--method", "real_mix", "--set=alpha=0.2", "--set=alpha=0.2"],
         ["tempered(top_k=2)", "real_mix(alpha=0.2)"]),
        (["--set", "alpha=0.2", "--method", "real_mix"], ["real_mix(alpha=0.2)"]),
        (["--method", "tempered", "--set", "real_mix.alpha=0.2", "--method", "real_mix"],
         ["tempered", "real_mix(alpha=0.2)"]),
        (["--method", "tempered(top_k=2)", "--set", "temperature=0.5"], ["tempered(temperature=0.5, top_k=2)"]),
        (["--method", "token_edit(prior='self')"], ["token_edit(prior=self)"]),
    ],
)  # fmt: skip
def test_a_method_is_named_by_its_label_or_by_set(console, run_toys, lineup, options, labels):
    ran = console(*run_toys, *options, "--task", "toy", "--seeds", 1, "--dry-run")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()[len(lineup) : -1]
    assert [line.partition(" on ")[0].rpartition("): ")[2].rpartition(": ")[2] for line in lines] == labels


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "tempered,real_mix", "--set", "alpha=1"], "--set alpha=1 may belong to any of tempered, real"),
        (["--method", "real_mix,real_mix(alpha=0.2)", "--set", "real_mix.alpha=1"], "may belong to any of real_mix"),
        (["--set", "alpha=1"], "--set alpha=1 is given without a method."),
        (["--method", "real_mix", "--set", "tempered.top_k=1"], "names 'tempered', which --method does not."),
        (["--method", "real_mix(alpha=0.1)", "--set", "alpha=1"], "Parameter alpha of method 'real_mix' is set"),
        (["--method", "real_mix(alpha"], "has a bracket or a quote without its partner."),
        (["--method", "real_mix(alpha)"], "'real_mix(alpha)' is not NAME or NAME(PARAMETER=VALUE, ...)."),
        (["--method", "real_mix", "--set", "alpha"], "--set alpha is not NAME=VALUE."),
    ],
)  # fmt: skip
def test_a_hyper_parameter_of_no_one_method_is_a_wrong_command(console, run_toys, options, message):
    ran = console(*run_toys, *options)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err and len(ran.err.splitlines()) == 2


OWN_TASK = """
from collapsebench import task, testing

@task("mine")
class Mine(testing.Toy):
    noise: float = 0.5
    rules = {"n": 6, "generations": 2, "seeds": 2, "params": {"noise": 0.25}}

@task("plain")
class Plain(testing.Toy):
    pass
"""


def test_a_task_of_ones_own_runs_by_its_own_rules_on_a_board_of_its_own(cli):
    Path("t.py").write_text(OWN_TASK)
    assert cli("run", "--plugin", "t.py", "--task", "mine", "--method", "replace", "--workers", "0").code == 0
    results = read_results(Path("leaderboards/own-mine/records/replace.jsonl"))
    assert [(r.cell.seed, len(r.generations), r.generations[0].rows) for r in results] == [(0, 3, 6), (1, 3, 6)]
    assert "own-mine" in Path("leaderboards/own-mine/README.md").read_text()


def test_a_board_of_ones_own_takes_submissions_and_is_verified(cli, console):
    Path("t.py").write_text(OWN_TASK)
    plugin = ("--plugin", "t.py", "--workers", "0")
    cli("run", "--task", "mine", "--method", "accumulate", *plugin, "--seeds", "1")
    submit = ("submit", "accumulate", "--task", "mine", "--plugin", "t.py", "--boards", "shared")
    ran = console(*submit)
    assert ran.code == 3
    command = "collapsebench run --method accumulate --task mine --plugin t.py"
    assert ran.err.splitlines()[1] == f"Hint: These cells are run by: {command}"
    assert cli("run", "--task", "mine", "--method", "accumulate", *plugin).code == 0
    assert "accumulate: 2 cells are complete." in cli(*submit).out
    ran = cli("verify", "shared/own-mine/records/accumulate.jsonl", *plugin)
    assert "run again: accumulate on mine/preserve, seed" in ran.out


def test_a_submission_has_all_tasks_of_a_shipped_protocol(console):
    ran = console("submit", "accumulate", "--task", "gaussian")
    assert ran.code == 2
    assert ran.err.splitlines() == [
        "Error: An entry of protocol 'quick' has all of its tasks.",
        "Hint: Leave --task out.",
    ]


def test_a_task_without_rules_takes_the_defaults(cli, lineup):
    Path("t.py").write_text(OWN_TASK)
    ran = cli("run", "--plugin", "t.py", "--task", "plain", "--method", "replace", "--dry-run")
    assert ran.out.splitlines()[-1] == f"{3 * len(lineup)} cells"  # three seeds


@pytest.mark.parametrize(
    ("tasks", "message", "hint"),
    [
        ("mine,gaussian", "mine runs by its own rules and gaussian by those of protocol 'quick'.", "two commands"),
        ("mnist", "Protocol 'quick' does not score 'mnist'.", "Add --protocol classic."),
        ("mime", "Unknown task 'mime'.", "Did you mean 'mine'?"),
    ],
)
def test_a_task_that_quick_does_not_score_is_told_how_to_run(console, tasks, message, hint):
    Path("t.py").write_text(OWN_TASK)
    ran = console("run", "--plugin", "t.py", "--task", tasks)
    assert ran.code == 2
    assert message in ran.err
    assert hint in ran.err
