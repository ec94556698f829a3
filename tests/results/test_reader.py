"""Records that no run can have written are refused whole, with file, line and field."""

import hashlib
import json

import pytest

from collapsebench.core.costs import Costs
from collapsebench.core.errors import RecordError
from collapsebench.core.method import QUESTIONS, references
from collapsebench.core.records import CellRecord, CellResult, GenerationRecord, to_line, write_results
from collapsebench.results.reader import MOST_BYTES, REFERENCES, parse_results, read_results

NO_GENERATOR = {"generator_rows": None, "temperature": None}
RATES = {"phi": 1.0, "psi": 0.0, "missed": 0.1, "false_alarm": 0.1}
OWN = {"generations": 3, "alpha": 0.0, "arrivals": 4, "generator": "own", **NO_GENERATOR, **RATES}
OUTSIDE = {**OWN, "generator": "outside", "generator_rows": 2, "temperature": 0.8}
PURIFY = {"question": "purify", "floor": "take_newest", "ceiling": "oracle"}
WORLDS = {
    "preserve": {"kind": "preserve", "question": "preserve", "floor": "replace", "ceiling": "frozen", **OWN},
    "dirty": {"kind": "purify", **PURIFY, **OWN, "alpha": 0.1},
    "purify-outside": {"kind": "purify-outside", **PURIFY, **OUTSIDE, "alpha": 0.5},
    "mix": {"kind": "mix", **PURIFY, **OUTSIDE, "alpha": 0.8, "generations": 1},
    "grow": {"kind": "grow", "question": "grow", "floor": "frozen", "ceiling": "more_real", **OWN, "arrivals": 20},
    "curve": {
        **{"kind": "curve", "question": "curve", "floor": "", "ceiling": "", **OWN},
        **{"alpha": 1.0, "arrivals": 0, "generator": "none"},
    },
}
WORLDS = {name: {"name": name, **world} for name, world in WORLDS.items()}


def result(seed=0, status="done", finished=4, name="toy_blend", world="preserve", reference=False, **params):
    """A cell with generations 0..finished - 1 of 0..3."""
    label = f"{name}({', '.join(f'{key}={value}' for key, value in params.items())})" if params else name
    cell = CellRecord(
        cell=digest(f"{label} {world} {seed}"),
        protocol={
            **{"name": "toys", "version": 1, "description": "Toys.", "digest": digest("toys")},
            **{"generations": 3, "seeds": 2, "average_last": 1, "tasks": ["toy", "toy_sgd"]},
        },
        task={
            **{"name": "toy", "version": 1, "digest": digest("toy"), "data": "", "n": 4, "title": "Toy"},
            **{"about": "a row of numbers; its mean", "corpus": "", "budget": "2 epochs, 32 rows a step"},
            **{"steps": None, "fresh": 4, "candidates": 32},
            "suite": "own",
            **{"primary": "error", "unit": "distance", "shown": ["rows"], "lm_eval": None},
            "metrics": {
                "error": {"meaning": "of the mean", "low": 0.0, "high": 1e12},
                "rows": {"meaning": "of D_0", "low": -1e12, "high": 1e12},
            },
        },
        world=WORLDS[world],
        method={
            **{"name": name, "label": label, "params": {"pause": 0.0, **params}, "digest": digest(label)},
            **{"title": "Blend", "description": "Half and half.", "paper": "", "track": "anchored"},
            "access": ["history"],
            "reference": reference,
        },
        seed=seed,
        status=status,
        reason="" if status == "done" else "so it is",
        theory={},
        parameters=2,
        environment={"machine": "one CPU", "cores": 2},
    )
    return CellResult(cell, tuple(generation(t, cell.world) for t in range(finished)))


def digest(name):
    return hashlib.sha256(name.encode()).hexdigest()


def generation(t, world):
    """What the rules of a world give, of half real rows and a quarter of model-made ones."""
    real = round(world.alpha * world.arrivals)
    counts = {"real_examples": 4 + t * real, "synthetic_examples": t * (world.arrivals - real)}
    costs = Costs(**counts, trained_tokens=4 * (t + 1)).to_dict()
    metrics, seconds = {"error": 0.5 + t, "rows": 4.0}, {"fit": 1.0}
    mixed = t > 0 and world.kind != "curve"
    shares = {"real_share": 0.5 if mixed else 1.0, "synthetic_share": 0.25 if mixed else 0.0}
    return GenerationRecord(t=t, metrics=metrics, costs=costs, rows=4, log={}, seconds=seconds, **shares)


@pytest.fixture
def records(tmp_path):
    """Ten lines: two cells (lines 1 and 6), each followed by generations 0..3."""
    path = tmp_path / "toy_blend.jsonl"
    path.write_text(write_results([result(seed, share=0.25) for seed in (0, 1)]))
    return path


def put(content, field, value):
    """Set `a.b.c` in nested objects, or remove it if the value is `...`."""
    *path, last = field.split(".")
    for key in path:
        content = content[key]
    if value is ...:
        del content[last]
    else:
        content[last] = value


FORGED = [
    # line, field, value (`...` removes the field), the field that the message names if it is another one
    (1, "schema", 1),
    (1, "schema", 2),
    (1, "schema", 6),
    (1, "schema", True),
    (1, "schema", ...),
    (1, "kind", "cells"),
    (1, "kind", ["cell"]),
    (1, "comment", "an extra field"),
    (1, "cell", "0" * 63),
    (1, "cell", "../../etc/passwd"),
    (1, "seed", ...),
    (1, "seed", -1),
    (1, "seed", True),
    (1, "seed", 0.0),
    (1, "seed", "0"),
    (1, "seed", 2),
    (1, "seed", 10**30),
    (1, "status", "running"),
    (1, "status", "finished"),
    (1, "status", "failed", "reason"),
    (1, "status", "skipped", "reason"),
    (1, "reason", "a done cell has none"),
    (1, "theory", {"error": [0.0, 1.0]}, "theory.error"),
    (1, "theory", {"size": [0.0] * 4}),
    (1, "theory", {"error": [0.0, 1.0, 2.0, "many"]}, "theory.error.3"),
    (1, "parameters", -1),
    (1, "task.about", 5),
    (1, "environment", {"machine": ["a", "list"]}, "environment.machine"),
    (1, "environment", {"machine": "x" * 2000}, "environment.machine"),
    (1, "protocol.name", "../quick"),
    (1, "protocol.name", "Quick board"),
    (1, "protocol.digest", "F" * 64),
    (1, "protocol.digest", ...),
    (1, "protocol.seeds", 0),
    (1, "protocol.average_last", 4),
    (1, "protocol.tasks", []),
    (1, "protocol.tasks", ["toy", "toy"]),
    (1, "protocol.tasks", ["toy_sgd"], "task.name"),
    (1, "protocol.tasks", ["../toy"], "protocol.tasks.0"),
    (1, "task.name", "../../toy"),
    (1, "task.name", "another", "task.name"),
    (1, "task.primary", "rows_of_gold", "task.metrics"),
    (1, "task.metrics", {"error": "two\nlines"}, "task.metrics.error"),
    (1, "task.metrics.error.meaning", "two\nlines"),
    (1, "task.metrics.error.low", None),
    (1, "task.metrics.error.low", 1e12, "task.metrics.error"),
    (1, "task.metrics.error.high", 1e13),
    (1, "task.metrics.error.high", "inf"),
    (2, "metrics.error", 1e200),
    (2, "metrics.error", -0.1),
    (2, "metrics.rows", 2e12),
    (1, "task.generations", 3),
    (1, "task.n", 0),
    (1, "task.suite", ...),
    (1, "world", ...),
    (1, "world.name", "../preserve"),
    (1, "world.name", "curve"),
    (1, "world.kind", "heal"),
    (1, "world.kind", "purify", "world.question"),
    (1, "world.question", "grow"),
    (1, "world.generations", 0),
    (1, "world.arrivals", 0),
    (1, "world.alpha", 0.5),
    (1, "world.alpha", 1.5),
    (1, "world.alpha", "nan"),
    (1, "world.generator", "outside"),
    (1, "world.generator_rows", 2),
    (1, "world.temperature", 1.0),
    (1, "world.temperature", 0.0),
    (1, "world.phi", 1.01),
    (1, "world.psi", -0.1),
    (1, "world.missed", ...),
    (1, "world.false_alarm", True),
    (1, "world.floor", "take_newest"),
    (1, "world.ceiling", "toy_blend"),
    (1, "world.ceiling", ""),
    (1, "task.version", "1"),
    (1, "method.name", "/etc/passwd"),
    (1, "method.name", "replace"),
    (1, "method.label", "toy_blend(share=0.75)"),
    (1, "method.label", "toy_blend(share=0.25, share=0.25)"),
    (1, "method.label", "accumulate"),
    (1, "method.label", "toy_blend [free](https://example.org)"),
    (1, "method.track", "winners"),
    (1, "method.reference", 0),
    (1, "method.params", {"share": [0.25]}, "method.params.share"),
    (1, "method.title", "bell\u0007"),
    (1, "method.title", "reversed \u202e"),
    (1, "method.description", "line\u2028separator"),
    (1, "method.description", "x" * 1001),
    (6, "method.description", None),
    (6, "method.digest", "0" * 64),
    (6, "task.digest", "0" * 64),
    (6, "protocol.digest", "0" * 64),
    (6, "protocol.seeds", 9),
    (6, "world.generations", 4),
    (6, "world.missed", 0.2),
    (6, "seed", 0),
    (2, "t", 1),
    (3, "t", 0),
    (3, "t", 3),
    (3, "t", -1),
    (5, "t", 4),
    (2, "metrics", {}, "metrics.error"),
    (2, "metrics.error", "nan"),
    (5, "metrics.error", "inf"),
    (2, "metrics.error", None),
    (2, "metrics.error", True),
    (2, "metrics.error", "0.5"),
    (2, "metrics.error", 10**400),
    (2, "metrics.gold", 1.0),
    (2, "metrics.piqa/acc", 1.0),
    (2, "costs.real_examples", -4),
    (2, "costs.real_examples", 4.5),
    (2, "costs.real_examples", ..., "costs"),
    (2, "costs.bribes", 1, "costs"),
    (4, "costs.synthetic_examples", 3),
    (3, "rows", 0),
    (3, "rows", "4"),
    (3, "real_share", 1.5),
    (3, "real_share", -0.1),
    (3, "real_share", "nan"),
    (3, "real_share", 0.9, "synthetic_share"),
    (3, "synthetic_share", 0.6),
    (3, "synthetic_share", ...),
    (3, "log", []),
    (3, "log", {"kept": {}}, "log.kept"),
    (3, "seconds", {"fit": -1.0}, "seconds.fit"),
    (3, "seconds", {"fit": "inf"}, "seconds.fit"),
    (3, "seconds", {"fit": 1e300}, "seconds.fit"),
    (1, "method.access", ["history", "law"], "method.access.1"),
    (1, "method.access", [], "method.track"),
    (1, "task.steps", 0),
    (1, "task.fresh", -1),
    (1, "task.candidates", "all"),
    (2, "rows", 5),
    (2, "real_share", 0.5),
    (2, "synthetic_share", 0.1),
    (2, "log", {"kept": 1.0}),
    (2, "costs.real_examples", 3),
    (3, "costs.real_examples", 5),
    (3, "costs.synthetic_examples", 37),
    (5, "costs.synthetic_examples", 11),
    (2, "costs.scored_tokens", 4),
    (3, "costs.mark_calls", 4),
    (3, "costs.verifier_calls", 4),
    (3, "costs.reward_calls", 4),
    (3, "costs.optimizer_steps", 100),
    (3, "log", {"k" * 101: 1.0}, "log." + "k" * 101),
    (3, "log", {"a\nb": 1.0}, r"log.'a\nb'"),
    (3, "log", {"größe": 1.0}, "log.größe"),
    (3, "log", {f"key {i}": 1.0 for i in range(65)}, "log"),
]


@pytest.mark.parametrize("forged", FORGED, ids=lambda forged: f"{forged[0]}-{forged[1]}-{str(forged[2])[:20]!a}")
def test_a_forged_field_is_named(records, forged):
    line, field, value, *named = forged
    assert len(read_results(records)) == 2
    contents = [json.loads(text) for text in records.read_text().splitlines()]
    put(contents[line - 1], field, value)
    records.write_text("".join(to_line(content) + "\n" for content in contents))
    assert_refused(records, line, named[0] if named else field)


def assert_refused(path, line, field):
    with pytest.raises(RecordError) as caught:
        read_results(path)
    assert caught.value.exit_code == 3
    assert caught.value.message.startswith(f"{path}:{line}: {field}: ")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < len(str(path)) + 250


def edited(old, new):
    """Change of the file's text where it first stands."""
    return lambda content: content.replace(old, new, 1)


def without(*lines):
    return lambda content: b"".join(
        text for number, text in enumerate(content.splitlines(True), start=1) if number not in lines
    )


DAMAGED = {
    "empty": (lambda content: b"", 1, "line"),
    "truncated": (lambda content: content[:-10], 10, "line"),
    "no newline at the end": (lambda content: content[:-1], 10, "line"),
    "an empty line": (edited(b"\n", b"\n\n"), 2, "line"),
    "byte order mark": (lambda content: b"\xef\xbb\xbf" + content, 1, "line"),
    "UTF-16": (lambda content: content.decode().encode("utf-16"), 1, "line"),
    "not UTF-8": (edited(b"Blend", b"Bl\xe9nd"), 1, "line"),
    "CRLF": (edited(b"\n", b"\r\n"), 1, "line"),
    "not JSON": (edited(b'"kind"', b"kind"), 1, "line"),
    "a list": (lambda content: b"[]\n" + content, 1, "line"),
    "deep": (lambda content: b"[" * 100_000 + b"]" * 100_000 + b"\n", 1, "line"),
    "duplicate key": (edited(b'"seed":0', b'"seed":0,"seed":0'), 1, "'seed'"),
    "NaN": (edited(b'"error":0.5', b'"error":NaN'), 2, "line"),
    "1e400": (edited(b'"error":0.5', b'"error":1e400'), 2, "line"),
    "many digits": (edited(b'"rows":4,', b'"rows":' + b"4" * 5000 + b","), 2, "line"),
    "not canonical": (edited(b'"error":0.5', b'"error":0.50'), 2, "line"),
    "spaces": (edited(b'"seed":', b'"seed": '), 1, "line"),
    "no cell": (without(1), 1, "kind"),
    "a generation missing": (without(3), 3, "t"),
    "the last generation missing": (without(5), 1, "status"),
    "a generation twice": (lambda content: content + content.splitlines(True)[-1], 11, "t"),
    "a cell twice": (lambda content: content * 2, 11, "cell"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named(records, name):
    damage, line, field = DAMAGED[name]
    records.write_bytes(damage(records.read_bytes()))
    assert_refused(records, line, field)


def test_what_did_not_end_has_a_reason_and_stops_where_it_did(tmp_path):
    path = tmp_path / "toy_blend.jsonl"
    path.write_text(
        write_results([result(status="failed", finished=2), result(seed=1, status="unsupported", finished=0)])
    )
    assert [len(result.generations) for result in read_results(path)] == [2, 0]
    path.write_text(write_results([result(status="diverged")]))
    assert_refused(path, 1, "status")
    path.write_text(write_results([result(status="skipped", finished=1)]))
    assert_refused(path, 2, "t")


def test_the_name_of_the_file_is_the_methods(records):
    other = records.rename(records.with_name("accumulate.jsonl"))
    assert_refused(other, 1, "method.name")


def test_links_and_huge_files_are_not_read(records, tmp_path):
    link = tmp_path / "link.jsonl"
    link.symlink_to(records)
    with pytest.raises(RecordError, match="is not a records file"):
        read_results(link)
    with records.open("r+b") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(RecordError, match="more than 64 MiB"):
        read_results(records)


def test_numbers_may_be_infinite_where_nothing_is_scored(records):
    text = records.read_text().replace('"rows":4.0', '"rows":"-inf"')
    assert [r.generations[0].metrics["rows"] for r in parse_results_of(text, records)] == [float("-inf")] * 2


def parse_results_of(text, path):
    return [located.result for located in parse_results(text.encode(), path)]


def test_markup_is_only_text_here(records):
    text = records.read_text().replace("Blend", "<script>|[x](y)**`")
    assert parse_results_of(text, records)[0].cell.method.title == "<script>|[x](y)**`"


@pytest.mark.parametrize("world", WORLDS)
def test_a_cell_of_every_kind_of_world_is_read(tmp_path, world):
    path = tmp_path / "take_newest.jsonl"
    finished = WORLDS[world]["generations"] + 1
    path.write_text(write_results([result(name="take_newest", world=world, finished=finished, reference=True)]))
    (read,) = read_results(path)
    assert read.place == ("take_newest", "toy", world, 0)


FORGED_WORLDS = [
    # world, field, value, the field that the message names if it is another one
    ("dirty", "question", "preserve"),
    ("dirty", "generator", "outside"),
    ("dirty", "floor", "replace"),
    ("purify-outside", "generator", "own"),
    ("purify-outside", "generator_rows", None),
    ("purify-outside", "temperature", None),
    ("mix", "generations", 2),
    ("grow", "alpha", 0.1),
    ("curve", "name", "preserve"),
    ("curve", "alpha", 0.5),
    ("curve", "arrivals", 4),
    ("curve", "floor", "take_newest"),
]


@pytest.mark.parametrize("forged", FORGED_WORLDS, ids=lambda forged: f"{forged[0]}-{forged[1]}")
def test_what_no_world_of_its_kind_says_is_named(tmp_path, forged):
    world, field, value = forged
    path = tmp_path / "take_newest.jsonl"
    made = result(name="take_newest", world=world, finished=1, status="failed", reference=True)
    cell, *generations = write_results([made]).splitlines()
    content = json.loads(cell)
    put(content, f"world.{field}", value)
    path.write_text("".join(line + "\n" for line in (to_line(content), *generations)))
    assert_refused(path, 1, f"world.{field}")


def test_one_seed_stands_once_in_each_world(tmp_path):
    path = tmp_path / "toy_blend.jsonl"
    path.write_text(write_results([result(), result(world="dirty")]))
    assert [r.place[2] for r in read_results(path)] == ["dirty", "preserve"]
    path.write_text(path.read_text().replace('"name":"dirty"', '"name":"preserve"'))
    assert_refused(path, 6, "seed")


@pytest.mark.parametrize("name", ["toy_blend", "oracle"])
def test_only_one_reference_runs_along_a_learning_curve(tmp_path, name):
    path = tmp_path / f"{name}.jsonl"
    path.write_text(write_results([result(name=name, reference=name == "oracle", world="curve")]))
    assert_refused(path, 1, "world.kind")


def test_the_reader_knows_every_reference_and_the_one_that_measures_curves():
    assert {name for question in (*QUESTIONS, "curve") for name in references(question)} == REFERENCES
    assert references("curve") == ["take_newest"]


def test_no_other_method_is_a_reference(tmp_path):
    path = tmp_path / "toy_blend.jsonl"
    path.write_text(write_results([result(reference=True)]))
    assert_refused(path, 1, "method.reference")


@pytest.mark.parametrize("name", sorted(REFERENCES))
def test_what_a_score_is_made_with_is_a_reference(tmp_path, name):
    path = tmp_path / f"{name}.jsonl"
    path.write_text(write_results([result(name=name, reference=True)]))
    assert len(read_results(path)) == 1
    path.write_text(write_results([result(name=name)]))
    assert_refused(path, 1, "method.reference")


def test_shares_that_rounding_takes_over_one_are_read(records):
    text = records.read_text().replace('"real_share":0.5,', '"real_share":0.75000000000001,')
    assert len(parse_results_of(text, records)) == 2


def test_a_record_of_older_versions_says_what_it_is_and_what_to_do(records):
    records.write_text(records.read_text().replace('"schema":5', '"schema":4'))
    with pytest.raises(RecordError) as caught:
        read_results(records)
    assert caught.value.message == (
        f"{records}:1: schema: is 4, and this version of collapsebench reads records of format 5; "
        "that is a format of older versions, whose metrics have no range."
    )
    assert caught.value.hint.startswith("Move the file away and run its cells again with this version")
