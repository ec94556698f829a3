"""Fabricated records: every number follows from the worth that a method is given."""

import hashlib
import random
from dataclasses import replace
from pathlib import Path

from collapsebench.core.costs import Costs
from collapsebench.core.records import CellRecord, CellResult, GenerationRecord, write_results

GENERATIONS, N = 4, 1000
TASKS = {
    # name: title, suite, primary, unit, secondary metrics, floor, loss over it at n, noise
    "gaussian": ("Gaussian in ten dimensions", "theory", "w2_squared", "squared W2", ("trace",), 0.0, 0.2, 0.02),
    "kde": ("Two moons", "theory", "nll", "nats", (), -1.5, 1e-5, 500.0),  # a curve too flat for its noise
    "arithmetic": (
        *("Addition", "language", "answer_nll", "nats/answer", ("exact_match", "diversity_ratio")),
        *(0.01, 0.4, 0.02),
    ),
}
SIZES = (1, 0.25, 0.5, 2, 4)
"""Of the learning curves, in multiples of n, by generation."""

WORLDS = {
    # name: kind, question, floor, ceiling, arrivals, alpha
    "preserve": ("preserve", "preserve", "replace", "frozen", N, 0.0),
    "preserve-more": ("preserve", "preserve", "replace", "frozen", 2 * N, 0.0),
    "purify": ("purify", "purify", "take_newest", "oracle", N, 0.5),
    "grow": ("grow", "grow", "frozen", "more_real", 5 * N, 0.0),
    "curve": ("curve", "curve", "", "", 0, 1.0),
}
SETTINGS = ("gaussian/preserve", "kde/preserve", "arithmetic/preserve", "gaussian/purify", "arithmetic/grow")
METHODS = {
    # name: track, worth, shares of real and of model-made rows
    "replace": ("blind", 0.3, 0.0, 1.0),
    "frozen": ("anchored", 1.0, 1.0, 0.0),
    "fresh_real": ("assisted", 1.02, 1.0, 0.0),
    "take_newest": ("blind", 0.9, 0.5, 0.5),
    "take_all": ("blind", 1.9, 0.6, 0.4),
    "oracle": ("assisted", 2.8, 1.0, 0.0),
    "more_real": ("assisted", 3.6, 1.0, 0.0),
    "accumulate": ("blind", 0.62, 0.25, 0.75),
    "accumulate_subsample": ("blind", 0.615, 0.25, 0.75),
    "tempered": ("blind", 0.4, 0.0, 1.0),
    "token_edit": ("anchored", 0.95, 0.25, 0.75),
    "real_mix": ("anchored", 0.8, 0.4, 0.6),
    "verify_filter": ("assisted", 1.5, 0.25, 0.75),
    "reward_curate": ("assisted", 0.5, 0.25, 0.75),
    "detector": ("assisted", 1.2, 0.7, 0.3),
}
ACCESS = {"blind": (), "anchored": ("history",), "marked": ("mark",), "assisted": ("fresh", "reward", "verifier")}
REFERENCES = {
    "preserve": ("replace", "frozen", "fresh_real"),
    "purify": ("take_newest", "take_all", "frozen", "oracle"),
    "grow": ("frozen", "take_all", "more_real"),
    "curve": ("take_newest",),
}
ALL_REFERENCES = {name for names in REFERENCES.values() for name in names}


def digest(name: str) -> str:
    """What stands for something that a record names."""
    return hashlib.sha256(name.encode()).hexdigest()


def loss_at(task: str, multiple: float) -> float:
    """The expected loss on so many times n real rows."""
    *_, floor, over, _ = TASKS[task]
    return floor + over / multiple


def cell(method: str, setting: str, seed: int, *, worth: float | None = None, **changes) -> CellResult:
    """A finished cell; `changes` replace fields of its record, or stop it after `finished` generations.

    Its worth falls or rises from 1 and is reached one generation before the last two, which are scored. A method that
    is `exact` has no noise but that of its seed.
    """
    task, world = setting.split("/")
    *_, primary, unit, shown, floor, over, noise = TASKS[task]
    title, suite = TASKS[task][:2]
    kind, question, low, high, arrivals, alpha = WORLDS[world]
    track, level, real, made = METHODS[method]
    level = level if worth is None else worth
    generations_of_world = len(SIZES) - 1 if world == "curve" else GENERATIONS
    finished = changes.pop("finished", generations_of_world + 1)
    params, name = changes.pop("params", {}), changes.pop("name", method)
    real, made, log = changes.pop("real", real), changes.pop("made", made), changes.pop("log", {})
    exact = changes.pop("exact", method == "frozen")
    label = f"{name}({', '.join(f'{k}={v}' for k, v in params.items())})" if params else name
    shared, own = random.Random(f"{task} {seed}"), random.Random(f"{method} {params} {setting} {seed}")
    common = shared.gauss()
    generations = []
    for t in range(finished):
        multiple = SIZES[t] if world == "curve" else level ** min(1.0, t / (GENERATIONS - 1))
        wobble = common + (0 if exact or not t else own.gauss())
        loss = floor + over / multiple * (1 + noise * wobble)
        generations.append(
            GenerationRecord(
                t=t,
                metrics={primary: loss, **{name: round(0.9 ** (i + 1) - 0.01 * t, 6) for i, name in enumerate(shown)}},
                costs={
                    **dict.fromkeys(Costs.__slots__, 0),
                    "real_examples": max(N, *(round(N * size) for size in SIZES[: t + 1]))
                    if world == "curve"
                    else N + t * round(alpha * arrivals),
                    "synthetic_examples": t * (arrivals - round(alpha * arrivals)),
                    "scored_tokens": 57_000 * t if method == "token_edit" else 0,
                    "verifier_calls": 4000 * t if method == "verify_filter" else 0,
                    "trained_tokens": 1_600_000 * (t + 1),
                    "optimizer_steps": 700 * (t + 1),
                },
                rows=round(N * SIZES[t]) if world == "curve" else N,
                log=log if t else {},
                real_share=real if t and world != "curve" else 1.0,
                synthetic_share=made if t and world != "curve" else 0.0,
                seconds={"sample": 0.5, "curate": 0.25, "fit": 2.0, "evaluate": 0.25},
            )
        )
    fields = {
        "cell": digest(f"{label}/{setting}/{seed}"),
        "protocol": {
            "name": "quick",
            "version": 1,
            "digest": digest("quick"),
            "description": "Core tasks in minutes on a laptop.",
            "generations": GENERATIONS,
            "seeds": 3,
            "average_last": 2,
            "tasks": list(TASKS),
        },
        "task": {
            "name": task,
            "version": 1,
            "data": "",
            "digest": digest(f"task {task}"),
            "n": N,
            "suite": suite,
            "title": title,
            "about": f"{title}, made up; a model of one number",
            "corpus": "",
            "budget": "700 steps of 32 rows",
            "steps": 700,
            "fresh": N,
            "candidates": 8 * N,
            "primary": primary,
            "unit": unit,
            "metrics": {
                primary: {"meaning": "held-out loss on real data", "low": min(0.0, 10 * floor), "high": 1e12},
                **{name: {"meaning": name.replace("_", " "), "low": 0.0, "high": 100.0} for name in shown},
            },
            "shown": list(shown),
            "lm_eval": None,
        },
        "world": {
            "name": world,
            "kind": kind,
            "question": question,
            "generations": generations_of_world,
            "arrivals": arrivals,
            "alpha": alpha,
            "generator": "none" if world == "curve" else "own",
            "generator_rows": None,
            "temperature": None,
            "phi": 1.0,
            "psi": 0.0,
            "missed": 0.1,
            "false_alarm": 0.1,
            "floor": low,
            "ceiling": high,
        },
        "method": {
            "name": name,
            "label": label,
            "params": params,
            "digest": digest(f"method {label}"),
            "title": name.replace("_", " ").capitalize(),
            "description": "A line that says what D_t is.",
            "paper": "arXiv:2412.14689",
            "access": ACCESS[track],
            "track": track,
            "reference": name in ALL_REFERENCES,
        },
        "seed": seed,
        "status": "done",
        "reason": "",
        "theory": {"w2_squared": tuple(0.2 + 0.1 * t for t in range(GENERATIONS + 1))}
        if (method, setting) == ("replace", "gaussian/preserve")
        else {},
        "parameters": 1,
        "environment": {"machine": "one CPU", "python": "3.11", "date": f"2026-03-0{1 + seed}"},
    }
    return CellResult(CellRecord(**{**fields, **changes}), tuple(generations))


def cells(method: str, settings=SETTINGS, seeds=range(3), **changes) -> list[CellResult]:
    return [cell(method, setting, seed, **dict(changes)) for setting in settings for seed in seeds]


def curves(settings=SETTINGS) -> list[CellResult]:
    """The learning curves of the tasks of some settings."""
    tasks = dict.fromkeys(setting.partition("/")[0] for setting in settings)
    return cells("take_newest", [f"{task}/curve" for task in tasks])


def references(settings=SETTINGS) -> list[CellResult]:
    """The references of some settings, and the learning curves of their tasks."""
    pairs = [(name, setting) for setting in settings for name in REFERENCES[WORLDS[setting.partition("/")[2]][1]]]
    return [*curves(settings), *(result for name, setting in pairs for result in cells(name, [setting]))]


def everything() -> list[CellResult]:
    """A whole board: methods that are complete, in part, incomplete, failed, diverged, skipped, or called by name."""
    loop = ("gaussian/preserve", "kde/preserve", "arithmetic/preserve")
    results = references() + cells("accumulate") + cells("accumulate_subsample")
    results += cells("tempered", loop, params={"temperature": 0.9, "top_p": 0.9})
    results += cells("accumulate", loop, params={"most": 5}, worth=0.7)
    results += cells("token_edit", loop[:2]) + cells("token_edit", loop[2:], seeds=[0])
    results += [cell("token_edit", loop[2], 1, status="failed", reason="ValueError: a | b", finished=2)]
    results += cells("detector", ["gaussian/purify"]) + cells("detector", ["arithmetic/grow"], seeds=[0])
    results += [
        cell("detector", "arithmetic/grow", s, status="diverged", reason="diverged at t=3: loss is nan", finished=3)
        for s in (1, 2)
    ]
    results += cells("real_mix", loop)
    results += cells("verify_filter", ["arithmetic/preserve", "arithmetic/grow"])
    results += unsupported("verify_filter", ["gaussian/preserve", "kde/preserve", "gaussian/purify"], "verifier")
    results += cells("reward_curate", ["gaussian/preserve"]) + unsupported("reward_curate", ["kde/preserve"], "reward")
    results += cells("reward_curate", ["arithmetic/preserve"], status="skipped", reason="only for vectors", finished=0)
    results += thaw(loop)
    return results


def thaw(settings=SETTINGS) -> list[CellResult]:
    """A method that returns D_0: its cells have the losses of `frozen` to the bit."""
    return cells("frozen", settings, name="thaw")


def unsupported(method: str, settings, need: str) -> list[CellResult]:
    return [
        result
        for setting in settings
        for result in cells(
            method,
            [setting],
            status="unsupported",
            reason=f"needs {need}, which {setting.partition('/')[0]} does not have",
            finished=0,
        )
    ]


def board(folder: Path, results: list[CellResult]) -> Path:
    """A board folder with one records file per method."""
    (folder / "records").mkdir(parents=True, exist_ok=True)
    for name in {result.cell.method.name for result in results}:
        own = [result for result in results if result.cell.method.name == name]
        (folder / "records" / f"{name}.jsonl").write_text(write_results(own), encoding="utf-8")
    return folder


def entry(board, label: str):
    """The entry of a board with this label."""
    return next(entry for entry in board.entries if entry.label == label)


def setting(board, name: str):
    """The setting of a board with this name."""
    return next(setting for setting in board.settings if setting.name == name)


def group(board, question: str, suite: str):
    """The settings of a question in a suite."""
    return next(group for group in board.groups if (group.question, group.suite) == (question, suite))


def with_losses(result, *losses):
    """The same cell with other values of its primary metric at t = 0, 1, ...; None keeps what is there.

    All cells of a task and seed have one loss at t = 0.
    """
    primary = result.cell.task.primary
    generations = [
        g if v is None else g.changed(metrics={**g.metrics, primary: v})
        for g, v in zip(result.generations, losses, strict=True)
    ]
    return replace(result, generations=tuple(generations))
