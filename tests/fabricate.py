"""Fabricated records: every number follows from the recovered gap that a method is given."""

import hashlib
import random
from dataclasses import replace
from pathlib import Path

from collapsebench.core.records import CellRecord, CellResult, GenerationRecord, write_results

GENERATIONS = 4
TASKS = {
    # name: title, primary, unit, secondary metrics, loss at generation 0, what `replace` adds by the end, noise
    "gaussian": ("Gaussian in ten dimensions", "w2_squared", "squared W2", ("trace",), 0.2, 2.4, 0.02),
    "kde": ("Two moons", "nll", "nats", (), -1.5, 0.0, 0.01),
    "arithmetic": ("Addition", "answer_nll", "nats/answer", ("exact_match", "distinct_questions"), 0.05, 0.7, 0.01),
}
METHODS = {
    # name: track, R
    "replace": ("blind", 0.0),
    "frozen": ("anchored", 1.0),
    "fresh_real": ("fresh", 1.02),
    "accumulate": ("blind", 0.8),
    "accumulate_subsample": ("blind", 0.795),
    "tempered": ("blind", 0.3),
    "token_edit": ("anchored", 0.95),
    "fresh_mix": ("fresh", 0.9),
    "real_mix": ("anchored", 0.9),
    "verify_filter": ("assisted", 0.6),
    "reward_curate": ("assisted", 0.5),
}
REFERENCES = ("replace", "frozen", "fresh_real")


def digest(name: str) -> str:
    """What stands for something that a record names."""
    return hashlib.sha256(name.encode()).hexdigest()


def cell(method: str, task: str, seed: int, *, recovered: float | None = None, **changes) -> CellResult:
    """A finished cell; `changes` replace fields of its record, or stop it after `finished` generations."""
    title, primary, unit, shown, start, gap, noise = TASKS[task]
    track, level = METHODS[method]
    level = level if recovered is None else recovered
    finished = changes.pop("finished", GENERATIONS + 1)
    params = changes.pop("params", {})
    exact = method in REFERENCES or changes.pop("exact", False)
    label = f"{method}({', '.join(f'{k}={v}' for k, v in params.items())})" if params else method
    shared, own = random.Random(f"{task} {seed}"), random.Random(f"{label} {task} {seed}")
    start += noise * shared.gauss()
    drift = gap * (1 + 0.05 * shared.gauss()) / GENERATIONS
    generations = []
    for t in range(finished):
        loss = start + (1 - level) * drift * t + (0 if exact or not t else noise * own.gauss())
        generations.append(
            GenerationRecord(
                t=t,
                metrics={primary: loss, **{name: round(1 / (1 + loss) + i * 900, 6) for i, name in enumerate(shown)}},
                costs={
                    "real_examples": 1000,
                    "synthetic_examples": 1000 * t,
                    "scored_tokens": 57_000 * t if method == "token_edit" else 0,
                    "verifier_calls": 4000 * t if method == "verify_filter" else 0,
                    "reward_calls": 0,
                    "trained_tokens": 1_600_000 * (t + 1),
                    "optimizer_steps": 700 * (t + 1),
                },
                rows=1000,
                log={},
                real_share=1.0
                if t == 0 or method in ("frozen", "fresh_real")
                else 0.0
                if method == "replace"
                else 0.25,
                seconds={"sample": 0.5, "curate": 0.25, "fit": 2.0, "evaluate": 0.25},
            )
        )
    fields = {
        "cell": digest(f"{label}/{task}/{seed}"),
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
            "generations": GENERATIONS,
            "title": title,
            "primary": primary,
            "unit": unit,
            "metrics": {primary: "held-out loss on real data", **{name: name.replace("_", " ") for name in shown}},
            "shown": list(shown),
            "lm_eval": None,
        },
        "method": {
            "name": method,
            "label": label,
            "params": params,
            "digest": digest(f"method {label}"),
            "title": method.replace("_", " ").capitalize(),
            "description": "A line that says what D_t is.",
            "paper": "arXiv:2412.14689",
            "track": track,
            "reference": method in REFERENCES,
        },
        "seed": seed,
        "status": "done",
        "reason": "",
        "theory": tuple(0.2 + 0.6 * t for t in range(GENERATIONS + 1))
        if (method, task) == ("replace", "gaussian")
        else (),
        "environment": {"machine": "one CPU", "python": "3.11", "date": f"2026-03-0{1 + seed}"},
    }
    return CellResult(CellRecord(**{**fields, **changes}), tuple(generations))


def cells(method: str, tasks=tuple(TASKS), seeds=range(3), **changes) -> list[CellResult]:
    return [cell(method, task, seed, **changes) for task in tasks for seed in seeds]


def everything() -> list[CellResult]:
    """A whole board: methods that are complete, outside their scope, incomplete, failed, diverged or skipped."""
    results = [result for name in (*REFERENCES, "accumulate", "accumulate_subsample") for result in cells(name)]
    results += cells("tempered", params={"temperature": 0.9, "top_p": 0.9})
    results += cells("token_edit", tasks=["gaussian", "kde"]) + cells("token_edit", tasks=["arithmetic"], seeds=[0])
    results += [cell("token_edit", "arithmetic", 1, status="failed", reason="ValueError: a | b", finished=2)]
    results += cells("fresh_mix", tasks=["gaussian", "kde"]) + cells("fresh_mix", tasks=["arithmetic"], seeds=[0])
    results += [
        cell("fresh_mix", "arithmetic", s, status="diverged", reason="diverged at t=3: loss is nan", finished=3)
        for s in (1, 2)
    ]
    results += cells("real_mix", ["gaussian", "kde"]) + cells("real_mix", ["arithmetic"], recovered=1.0, exact=True)
    results += cells("verify_filter", ["kde", "arithmetic"]) + unsupported("verify_filter", "gaussian", "verifier")
    results += cells("reward_curate", ["gaussian"]) + unsupported("reward_curate", "kde", "reward")
    results += cells("reward_curate", ["arithmetic"], status="skipped", reason="only for vectors", finished=0)
    return results


def unsupported(method: str, task: str, need: str) -> list[CellResult]:
    reason = f"needs {need}, which {task} does not have"
    return cells(method, [task], status="unsupported", reason=reason, finished=0)


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


def with_losses(result, *losses):
    """The same cell with other values of its primary metric at t = 0, 1, ..."""
    primary = result.cell.task.primary
    generations = [
        g.changed(metrics={**g.metrics, primary: v}) for g, v in zip(result.generations, losses, strict=True)
    ]
    return replace(result, generations=tuple(generations))
