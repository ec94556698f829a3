"""The contract of a task and of its learner, check by check."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from ..core.block import REAL
from ..core.corpus import Corpus, of_origin, real_share
from ..core.errors import ProtocolError
from ..core.learner import Decoding, FitReport
from ..core.task import MODALITIES, Task
from ..loop.checks import beyond
from ..loop.protocol import own_protocol
from .checks import Checklist, CheckResult, NotApplicable
from .source import declaration_problems, pickling
from .tiny import GENERATIONS, difference, has_data, run_interrupted, run_whole
from .trial import TaskTrial

_DECODINGS = {"temperature": Decoding(temperature=0.5), "top_k": Decoding(top_k=1), "top_p": Decoding(top_p=0.5)}

TASK_CHECKS: Checklist[TaskTrial] = Checklist()
_FITTED = ("declaration", "real_data", "initial_learner", "fit")


def task_results(cls: type[Task]) -> list[CheckResult]:
    """Every check of a task and its learner, at its default sizes, or smaller ones if it is a core task."""
    return TASK_CHECKS.run(TaskTrial(cls))


@TASK_CHECKS.add()
def declaration(trial: TaskTrial) -> Iterator[str]:
    """It has a docstring and a complete card, every size has a plain default, and its rules are those of a protocol."""
    yield from declaration_problems(trial.cls)
    try:
        own_protocol({trial.cls.name: trial.cls.rules})
    except ProtocolError as error:
        yield error.message
    card = trial.cls.card
    if card.modality not in MODALITIES:
        yield f"The card's modality is '{card.modality}'; choose from {', '.join(MODALITIES)}."
    if not card.unit:
        yield "Give the card the unit of its primary metric."
    yield from (f"Say on the card what '{name}' is." for name, metric in card.metrics.items() if not metric.meaning)


@TASK_CHECKS.add()
def no_pickle(trial: TaskTrial) -> Iterator[str]:
    """Its file neither imports pickle nor calls what pickles."""
    yield from pickling(trial.cls)


@TASK_CHECKS.add("declaration")
def real_data(trial: TaskTrial) -> Iterator[str]:
    """`real(n, rng)` gives n rows of one shape, the same for the same stream and others for another."""
    real, again = trial.real, of_origin(trial.task.real(trial.n, trial.stream("real")), REAL)
    if len(real) != trial.n:
        yield f"It gave {len(real)} rows, not {trial.n}."
    if again.digest() != real.digest():
        yield "It gave other rows for the same stream."
    if of_origin(trial.task.real(trial.n, trial.stream("real", seed=1)), REAL).digest() == real.digest():
        yield "It gave the same rows for another stream."
    if trial.task.real(trial.n - 1, trial.stream("real")).schema != real.schema:
        yield "Its columns, types or shapes depend on the number of rows."


@TASK_CHECKS.add("declaration", "real_data")
def population(trial: TaskTrial) -> Iterator[str]:
    """With a finite population, `real(population, rng)` gives each example once."""
    size = trial.task.card.population
    if size is None:
        raise NotApplicable("draws never run out")
    everything = trial.task.real(size, trial.stream("real"))
    rows = torch.cat([column.reshape(size, -1).to(torch.float64) for column in everything.columns.values()], 1)
    if (distinct := len(torch.unique(rows, dim=0))) != size:
        yield f"{distinct} of {size} rows are distinct."


@TASK_CHECKS.add("declaration", "real_data")
def initial_learner(trial: TaskTrial) -> Iterator[str]:
    """`learner(rng)` gives the same initial weights for the same stream."""
    if _differ(trial.task.learner(trial.stream("init")).state(), trial.task.learner(trial.stream("init")).state()):
        yield "Two learners of one stream differ."


@TASK_CHECKS.add("declaration", "real_data", "initial_learner")
def fit(trial: TaskTrial) -> Iterator[str]:
    """`fit` reports what it cost and gives the same model for the same corpus and stream."""
    report = trial.task.learner(trial.stream("init")).fit(trial.real, trial.training())
    if not isinstance(report, FitReport) or report.tokens < 1:
        yield f"It reported {report!r}."
    if _differ(trial.fitted.state(), trial.fit(trial.real).state()):
        yield "Two fits of one corpus differ."


@TASK_CHECKS.add(*_FITTED)
def sample(trial: TaskTrial) -> Iterator[str]:
    """`sample` gives n finite rows shaped like real ones, the same for the same stream."""
    synthetic = trial.sample(trial.fitted)
    if len(synthetic) != trial.n:
        yield f"It gave {len(synthetic)} rows, not {trial.n}."
    if synthetic.schema != trial.real.schema:
        yield f"It gave {synthetic!r}; real rows are {trial.real!r}."
    if not all(bool(torch.isfinite(column).all()) for column in synthetic.columns.values()):
        yield "Some values are not finite."
    if trial.sample(trial.fitted).digest() != synthetic.digest():
        yield "It gave other rows for the same stream."


@TASK_CHECKS.add(*_FITTED)
def metrics(trial: TaskTrial) -> Iterator[str]:
    """`evaluate` gives the card's metrics within their ranges, the same each time, and leaves the model alone."""
    before = {name: tensor.clone() for name, tensor in trial.fitted.state().items()}
    values, card = trial.metrics(trial.fitted), trial.task.card
    if missing := {card.primary, *card.shown} - values.keys():
        yield f"Missing: {', '.join(sorted(missing))}."
    if unknown := values.keys() - card.metrics.keys():
        yield f"Not on the card: {', '.join(sorted(unknown))}."
    if not math.isfinite(values.get(card.primary, 0.0)):
        yield f"'{card.primary}' is {values[card.primary]} after a fit on real data."
    yield from (
        f"{wrong}."
        for wrong in beyond({name: values[name] for name in values.keys() & card.metrics.keys()}, card).values()
    )
    if trial.metrics(trial.fitted) != values:
        yield "It gave other values for the same stream."
    if _differ(before, trial.fitted.state()):
        yield "It changed the model."


@TASK_CHECKS.add(*_FITTED, "sample", "metrics")
def state(trial: TaskTrial) -> Iterator[str]:
    """A new learner that loads `state()` samples and scores exactly as the one that it came from."""
    copy = trial.task.learner(trial.stream("init"))
    copy.load({name: tensor.clone() for name, tensor in trial.fitted.state().items()})
    if _differ(copy.state(), trial.fitted.state()):
        yield "Its state differs."
    if trial.sample(copy).digest() != trial.sample(trial.fitted).digest():
        yield "Its samples differ."
    if trial.metrics(copy) != trial.metrics(trial.fitted):
        yield "Its metrics differ."


@TASK_CHECKS.add(*_FITTED, "metrics")
def row_weights(trial: TaskTrial) -> Iterator[str]:
    """A closed-form fit with weights 2 and 0 scores like one on the rows of weight 2, each taken twice."""
    if not trial.fitted.closed_form:
        raise NotApplicable("the learner is trained by gradient steps")
    kept = torch.arange(trial.n) % 4 > 0
    weighted = trial.metrics(trial.fit(trial.real.with_weights(kept * 2.0)))
    half = trial.real.select(kept)
    yield from _unlike(weighted, trial.metrics(trial.fit(Corpus.concat([half, half]))))


@TASK_CHECKS.add(*_FITTED, "metrics")
def extended(trial: TaskTrial) -> Iterator[str]:
    """`extended(added)` scores like a fit on all rows and leaves the model that it extends alone."""
    half, rest = (trial.real.select(rows) for rows in torch.arange(trial.n).tensor_split([trial.n // 2]))
    first = trial.fit(half)
    before = {name: tensor.clone() for name, tensor in first.state().items()}
    longer = first.extended(rest)
    if longer is None:
        raise NotApplicable("the learner is fitted again from all rows")
    if _differ(before, first.state()):
        yield "It changed the model."
    yield from _unlike(trial.metrics(longer), trial.metrics(trial.fit(Corpus.concat([half, rest]))))


@TASK_CHECKS.add(*_FITTED)
def log_prob(trial: TaskTrial) -> Iterator[str]:
    """`log_prob` gives one float per example, none of them NaN."""
    _require(trial, "log_prob")
    yield from _floats("log_prob", trial.fitted.log_prob(trial.real), (trial.n,))


@TASK_CHECKS.add(*_FITTED)
def sites(trial: TaskTrial) -> Iterator[str]:
    """`sites` gives non-positive floats and bools of one shape [n, s], with something to edit."""
    _require(trial, "sites")
    found = trial.fitted.sites(trial.real)
    if found.editable.dtype != torch.bool or found.editable.shape[:1] != (trial.n,) or found.editable.dim() != 2:
        yield f"`editable` is {found.editable.dtype} {tuple(found.editable.shape)}, not bool [n, s]."
    elif not bool(found.editable.any()):
        yield "No site is editable."
    yield from _floats("log_prob", found.log_prob, tuple(found.editable.shape))
    if bool((found.log_prob[found.editable] > 1e-5).any()):
        yield "Some log-probabilities are above 0."


@TASK_CHECKS.add(*_FITTED, "sites")
def resample(trial: TaskTrial) -> Iterator[str]:
    """`resample` redraws sites under the mask, leaves all others alone, and keeps the origin of untouched rows."""
    _require(trial, "sites")
    mask, real = trial.mask(), trial.real
    untouched = trial.resample(torch.zeros_like(mask))
    if any(not torch.equal(untouched[name], real[name]) for name in real) or real_share(untouched) != 1.0:
        yield "With an empty mask the corpus changed, or its rows stopped counting as real."
    edited, again = trial.resample(mask), trial.resample(mask)
    if edited.schema != real.schema or len(edited) != trial.n:
        yield f"It gave {edited!r} for {real!r}."
        return
    if edited.digest() != again.digest():
        yield "It gave other rows for the same stream."
    for name in real:
        kept = ~mask if real[name].shape == mask.shape else ~mask.any(1)
        if not torch.equal(edited[name][kept], real[name][kept]):
            yield f"It changed '{name}' where the mask is off."


@TASK_CHECKS.add(*_FITTED, "sample")
def decoding(trial: TaskTrial) -> Iterator[str]:
    """Each decoding that the card declares changes the samples, and they keep their shape."""
    if not (declared := trial.supports & _DECODINGS.keys()):
        raise NotApplicable("the card declares none")
    plain = trial.sample(trial.fitted)
    for name in sorted(declared):
        drawn = trial.sample(trial.fitted, _DECODINGS[name])
        if drawn.schema != plain.schema or len(drawn) != len(plain):
            yield f"{name}: {drawn!r} instead of {plain!r}."
        if drawn.digest() == plain.digest():
            yield f"{name} is ignored."


@TASK_CHECKS.add(*_FITTED, "sample", "decoding")
def outside_generator(trial: TaskTrial) -> Iterator[str]:
    """A model of half as many other real rows samples rows like real ones, and others than M_0 does."""
    generator = trial.fit(trial.outside)
    drawn = trial.sample(generator, Decoding(0.8 if "temperature" in trial.supports else 1.0))
    if drawn.schema != trial.real.schema or len(drawn) != trial.n:
        yield f"It gave {drawn!r}; real rows are {trial.real!r}."
    if not _differ(generator.state(), trial.fitted.state()):
        yield "It is the same model as that of D_0."


@TASK_CHECKS.add(*_FITTED, "metrics")
def learning_curve(trial: TaskTrial) -> Iterator[str]:
    """`learning_curve` gives one value per size, the mean of the primary metric over fits, or nothing."""
    sizes = (trial.n, 2 * trial.n)
    if not (expected := trial.task.learning_curve(sizes)):
        raise NotApplicable("it has no closed form")
    if len(expected) != len(sizes):
        yield f"{len(expected)} values for {len(sizes)} sizes."
    for rows, value in zip(sizes, expected, strict=False):
        found = trial.losses(rows, seeds=64)
        if not abs(found.mean().item() - value) <= 5 * found.std().item() / 8 + 1e-9:
            yield f"{value:g} for {rows} rows; the mean of {len(found)} fits is {found.mean().item():g}."


@TASK_CHECKS.add(*_FITTED, "metrics", warns=True)
def more_rows_help(trial: TaskTrial) -> Iterator[str]:
    """More real rows make the model better: what a method is worth is read off this curve."""
    rows = trial.n * 4 if trial.task.card.population is None else min(trial.n * 4, trial.task.card.population)
    few, many = (trial.losses(size, seeds=8).mean().item() for size in (max(2, trial.n // 4), rows))
    if not many < few:
        yield f"The loss is {few:g} on {max(2, trial.n // 4)} rows and {many:g} on {rows}."


@TASK_CHECKS.add(*_FITTED)
def site_weights(trial: TaskTrial) -> Iterator[str]:
    """A fit asks the loss re-weighting about log-probabilities [rows, s] and heeds the answer."""
    _require(trial, "site_weights")
    asked: list[torch.Tensor] = []

    def every_other_site(log_probs: torch.Tensor) -> torch.Tensor:
        asked.append(log_probs)
        places = torch.arange(log_probs.numel(), device=log_probs.device)
        return (places % 2 == 0).to(log_probs.dtype).reshape(log_probs.shape)

    weighted = trial.fit(trial.real, every_other_site)
    if not asked:
        yield "It was never asked."
        return
    if asked[0].dim() != 2 or asked[0].requires_grad:
        yield f"It was asked about {tuple(asked[0].shape)}, not detached log-probabilities [rows, s]."
    if not _differ(weighted.state(), trial.fitted.state()):
        yield "The answer was ignored."


@TASK_CHECKS.add("declaration", "real_data")
def verifier(trial: TaskTrial) -> Iterator[str]:
    """`verify` gives one bool per example."""
    _require(trial, "verifier")
    right = trial.task.verify(trial.real)
    if right.dtype != torch.bool or right.shape != (trial.n,):
        yield f"It gave {right.dtype} {tuple(right.shape)}, not bool [n]."


@TASK_CHECKS.add("declaration", "real_data")
def reward(trial: TaskTrial) -> Iterator[str]:
    """`reward` gives one finite float per example."""
    _require(trial, "reward")
    yield from _floats("reward", values := trial.task.reward(trial.real), (trial.n,))
    if not bool(torch.isfinite(values).all()):
        yield "Some rewards are not finite."


@TASK_CHECKS.add("declaration", "real_data")
def pictures(trial: TaskTrial) -> Iterator[str]:
    """`pictures` gives one grey picture per example, uint8 [n, height, width], the same each time."""
    drawn, again = trial.task.pictures(trial.real), trial.task.pictures(trial.real)
    if drawn is None:
        raise NotApplicable("its examples are no pictures")
    if drawn.dtype != torch.uint8 or drawn.dim() != 3 or len(drawn) != trial.n:
        yield f"It gave {drawn.dtype} {tuple(drawn.shape)}, not uint8 [n, height, width]."
    if again is None or not torch.equal(drawn, again):
        yield "It gave other pictures for the same examples."
    few = trial.task.pictures(trial.real.select(torch.arange(trial.n // 2)))
    if few is None or not torch.equal(few, drawn[: trial.n // 2]):
        yield "A picture depends on the examples beside it."


@TASK_CHECKS.add(*_FITTED)
def prior(trial: TaskTrial) -> Iterator[str]:
    """`prior(rng)` gives the same model for the same stream, and it samples rows like real ones."""
    _require(trial, "prior")
    model, again = trial.task.prior(trial.stream("prior")), trial.task.prior(trial.stream("prior"))
    if _differ(model.state(), again.state()):
        yield "Two priors of one stream differ."
    if trial.sample(model).schema != trial.real.schema:
        yield "Its samples have another shape than real rows."


@TASK_CHECKS.add("declaration")
def theory(trial: TaskTrial) -> Iterator[str]:
    """`theory` gives metrics of the card one finite value per generation, or nothing."""
    for method in ("replace", "frozen", "fresh_real", "accumulate", "a method that nobody knows"):
        for metric, values in trial.task.theory(method, trial.n, GENERATIONS).items():
            if metric not in trial.task.card.metrics:
                yield f"For {method}: the card has no metric '{metric}'."
            if len(values) != GENERATIONS + 1 or not all(map(math.isfinite, values)):
                yield f"For {method}: {metric} = {values}."


_SOUND = (*_FITTED, "sample", "metrics", "log_prob", "sites", "resample", "verifier", "reward", "prior", "pictures")


@TASK_CHECKS.add(*_SOUND)
def inputs_unchanged(trial: TaskTrial) -> Iterator[str]:
    """Neither the task nor its learner writes into a corpus that it is given."""
    yield from (f"`{what}` wrote into its corpus." for what, (changed, _) in trial.traces.items() if changed)


@TASK_CHECKS.add(*_SOUND)
def global_random_state_untouched(trial: TaskTrial) -> Iterator[str]:
    """Task and learner draw from the streams that they are given; global random state stays as it was."""
    yield from (f"`{what}` moved it." for what, (_, moved) in trial.traces.items() if moved)


@TASK_CHECKS.add(*_SOUND, "state", "inputs_unchanged", "global_random_state_untouched")
def resumable(trial: TaskTrial) -> Iterator[str]:
    """Four generations give the same records as two, an interruption, and two more: in a closed loop, on a stream."""
    cells = [trial.cell("replace", "preserve"), trial.cell("take_newest", "purify-outside")]
    for cell in filter(has_data, cells):
        whole, kind = run_whole(cell), cell.world_name
        if whole.cell.status != "done":
            yield f"In {kind}: {whole.cell.status}: {whole.cell.reason}"
        elif differs := difference(whole, run_interrupted(cell)):
            yield f"In {kind}: {differs}."


def _require(trial: TaskTrial, capability: str) -> None:
    if capability not in trial.supports:
        raise NotApplicable(f"the card does not declare {capability}")


def _differ(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() != b.keys() or any(not torch.equal(a[name], b[name]) for name in a)


def _unlike(a: dict[str, float], b: dict[str, float]) -> Iterator[str]:
    for name in sorted(a.keys() | b.keys()):
        one, two = a.get(name, math.nan), b.get(name, math.nan)
        if not math.isclose(one, two, rel_tol=1e-4, abs_tol=1e-6):
            yield f"{name}: {one} and {two}."


def _floats(what: str, values: torch.Tensor, shape: tuple[int, ...]) -> Iterator[str]:
    if not values.is_floating_point() or tuple(values.shape) != shape:
        yield f"`{what}` is {values.dtype} {tuple(values.shape)}, not float {list(shape)}."
    elif bool(values.isnan().any()):
        yield f"Some values of `{what}` are NaN."
