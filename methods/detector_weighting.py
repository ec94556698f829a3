from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import torch
from pydantic import Field

from collapsebench import (
    Context,
    Corpus,
    Count,
    Filter,
    MethodCard,
    NonNegative,
    PluginError,
    Positive,
    method,
    weighted_places,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.linear_model import LogisticRegression

    Numbers: TypeAlias = NDArray[np.float64]


@method("detector_weighting")
class DetectorWeighting(Filter):
    """Resample what arrives towards what a detector of synthetic examples takes for real.

    The detector knows no origin of what it judges. A logistic regression learns D_0 against all that arrived so far, or
    against new samples of M_{t-1}, each side weighted as one half; P(real) of an arrival comes from a fit without its
    fold, at the temperature that suits these guesses best. The first is the default: on a stream of which an outside
    generator wrote one half, the samples of one's own model teach nothing (area under the curve of real against
    generated arrivals .5 to .55 on `storyworld`), the stream itself does (.7).

    Where the guesses are not better than chance, by two standard errors of the area under the curve, there is no
    signal, and the arrivals are taken as they come. Else every one is written `repeats` times, and `upsample` times
    their number are drawn from these copies without replacement, in proportion to P(real) ** exponent. The resampling
    and its numbers are those of the authors' code, whose detector is a language model trained on other texts.

    Args:
        memory: what these rows are trained with; `accumulate` by default: the detector weighs what is new.
        against: what D_0 is told apart from, `arrivals` or samples of the `model`.
        exponent: how strongly the detector is trusted; 0 draws at random.
        upsample: examples drawn, as a multiple of the arrivals.
        repeats: most copies of one example.
        folds: parts that the detector's data are cut into.
    """

    against: Literal["arrivals", "model"] = "arrivals"
    exponent: NonNegative = 10.0
    upsample: Positive = 1.5
    repeats: Count = 3
    folds: Annotated[int, Field(ge=2)] = 3

    card = MethodCard(title="Detector weighting", paper="arXiv:2502.15654", access={"history"})

    def __post_init__(self) -> None:
        if self.upsample > self.repeats:
            raise PluginError(f"detector_weighting: upsample must be at most repeats, got {self.upsample}.")

    def check(self, n: int) -> None:
        if n < self.folds:
            raise PluginError(f"detector_weighting: folds = {self.folds} need as many real examples, there are {n}.")

    def curate(self, arrivals: Corpus, ctx: Context) -> Corpus:
        log_odds = self._log_odds(arrivals, ctx)
        ctx.log("no_signal", log_odds is None)
        if log_odds is None:
            return ctx.remember(arrivals, self.memory)
        log_weights = self.exponent * torch.nn.functional.logsigmoid(torch.from_numpy(log_odds))
        drawn = max(1, round(self.upsample * len(arrivals)))
        copies = weighted_places(log_weights.repeat_interleave(self.repeats), drawn, ctx.rng)
        return ctx.remember(arrivals.select(copies // self.repeats), self.memory)

    def _log_odds(self, arrivals: Corpus, ctx: Context) -> Numbers | None:
        """Log-odds of being real, float64 `[arrivals]`; None without a signal."""
        from sklearn.linear_model import LogisticRegression

        first, judged = ctx.trusted, self.against == "arrivals"
        others = Corpus.concat(ctx.history[1:]) if judged else ctx.model.generate(ctx.n)
        rows = described(ctx.features(Corpus.concat([first, others, *([] if judged else [arrivals])])))
        known, real = rows[: len(first) + len(others)], torch.arange(len(first) + len(others)).numpy() < len(first)
        guesses = self._guesses(known, real, ctx)
        if guesses is None:
            return None
        temperature = LogisticRegression(class_weight="balanced", fit_intercept=False).fit(guesses[:, None], real).coef_
        if not judged:
            guesses = detector().fit(known, real).decision_function(rows)
        log_odds: Numbers = guesses[-len(arrivals) :] * max(0.0, temperature.item())
        return log_odds

    def _guesses(self, rows: Numbers, real: NDArray[np.bool_], ctx: Context) -> Numbers | None:
        """Log-odds of each row from a fit without its fold, float64 `[n]`; None if no better than chance."""
        from sklearn.metrics import roc_auc_score
        from sklearn.model_selection import StratifiedKFold, cross_val_predict

        folds = StratifiedKFold(
            self.folds, shuffle=True, random_state=int(torch.randint(2**31, (1,), generator=ctx.rng))
        )
        guesses: Numbers = cross_val_predict(detector(), rows, real, cv=folds, method="decision_function")
        area, n, m = float(roc_auc_score(real, guesses)), int(real.sum()), int((~real).sum())
        ctx.log("detector_auc", area)
        chance = math.sqrt((n + m + 1) / (12 * n * m))  # standard error of the area under the curve of chance
        return guesses if area > 0.5 + 2 * chance else None


def detector() -> LogisticRegression:
    """A classifier of rows, not yet fitted."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)


def described(features: torch.Tensor) -> Numbers:
    """Features and their squares, which show a loss of spread, `[n, 2 f]`, each of mean 0 and variance 1."""
    both = torch.cat([features, features.square()], 1)
    both -= both.mean(0)
    scaled: Numbers = (both / both.square().mean(0).sqrt().clamp(min=1e-12)).numpy()
    return scaled
