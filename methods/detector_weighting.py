from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field

from collapsebench import (
    Context,
    Corpus,
    Count,
    Method,
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
    from scipy.sparse import csr_matrix


@method("detector_weighting")
class DetectorWeighting(Method):
    """Resample everything so far towards what a detector of synthetic examples takes for real.

    A logistic regression learns D_0 against S_1..S_t, each class weighted as one half. An example's P(real) comes
    from a fit without its fold, at the temperature that suits these predictions best: a detector that tells nothing
    leaves P = 1/2 for all. Every example is written `repeats` times, and `upsample` times their number are drawn
    from these copies without replacement, in proportion to P(real) ** exponent. The resampling and its numbers are
    those of the authors' code, whose detector is a language model trained on other texts.

    Args:
        exponent: how strongly the detector is trusted; 0 draws at random.
        upsample: examples drawn, as a multiple of those so far.
        repeats: most copies of one example.
        folds: parts that the detector's data are cut into.
        buckets: hash buckets for unigrams, and as many for bigrams, of integer columns; best a prime.
    """

    exponent: NonNegative = 10.0
    upsample: Positive = 1.5
    repeats: Count = 3
    folds: Annotated[int, Field(ge=2)] = 3
    buckets: Count = 4093

    card = MethodCard(title="Detector weighting", paper="arXiv:2502.15654", access={"history"})

    def __post_init__(self) -> None:
        if self.upsample > self.repeats:
            raise PluginError(f"detector_weighting: upsample must be at most repeats, got {self.upsample}.")

    def check(self, n: int) -> None:
        if n < self.folds:
            raise PluginError(f"detector_weighting: folds = {self.folds} need as many real examples, there are {n}.")

    def curate(self, synthetic: Corpus, ctx: Context) -> Corpus:
        pool = Corpus.concat(ctx.history)
        real = (torch.arange(len(pool)) < len(ctx.history[0])).numpy()
        log_odds = torch.from_numpy(self._log_odds(features(pool, self.buckets), real, ctx))
        log_weights = (self.exponent * torch.nn.functional.logsigmoid(log_odds)).repeat_interleave(self.repeats)
        copies = weighted_places(log_weights, max(1, round(self.upsample * len(pool))), ctx.rng)
        return pool.select(copies // self.repeats)

    def _log_odds(self, rows: csr_matrix, real: NDArray[np.bool_], ctx: Context) -> NDArray[np.float64]:
        """Log-odds of being real, float64 `[n]`, each from a detector that did not see the row."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.metrics import balanced_accuracy_score, roc_auc_score
        from sklearn.model_selection import StratifiedKFold, cross_val_predict

        seed = int(torch.randint(2**31, (1,), generator=ctx.rng))
        folds = StratifiedKFold(self.folds, shuffle=True, random_state=seed)
        detector = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
        log_odds: NDArray[np.float64] = cross_val_predict(detector, rows, real, cv=folds, method="decision_function")
        ctx.log("detector_accuracy", balanced_accuracy_score(real, log_odds > 0))
        ctx.log("detector_auc", roc_auc_score(real, log_odds))
        scale = LogisticRegression(class_weight="balanced", fit_intercept=False).fit(log_odds[:, None], real)
        temperature: float = scale.coef_.item()
        return log_odds * max(0.0, temperature)


def features(corpus: Corpus, buckets: int) -> csr_matrix:
    """Row features `[n, f]`: which 1- and 2-grams the integers hold; the floats' standardised values and squares."""
    from scipy.sparse import csr_matrix, hstack

    columns = [column.reshape(len(corpus), -1) for _, column in sorted(corpus.columns.items())]
    parts = []
    if tokens := [column.long() for column in columns if not column.is_floating_point()]:
        parts.append(hashed(torch.cat(tokens, 1), buckets))
    for column in columns:
        if column.is_floating_point():
            values = column.double() - column.double().mean(0)
            values /= values.square().mean(0).sqrt().clamp(min=1e-12)
            parts.append(csr_matrix(torch.cat([values, values.square()], 1).numpy()))
    joined: csr_matrix = hstack(parts, format="csr")
    return joined


def hashed(tokens: torch.Tensor, buckets: int) -> csr_matrix:
    """Which unigrams and bigrams each row of `[n, k]` holds, `[n, 2 buckets]`, rows of unit length."""
    import numpy as np
    from scipy.sparse import csr_matrix
    from sklearn.preprocessing import normalize

    pairs = tokens[:, :-1] * 1_000_003 + tokens[:, 1:]
    found = torch.cat([tokens % buckets, pairs % buckets + buckets], 1).numpy()
    starts = np.arange(len(found) + 1) * found.shape[1]
    held = csr_matrix((np.ones(found.size), found.ravel(), starts), shape=(len(found), 2 * buckets))
    held.sum_duplicates()
    held.data[:] = 1.0
    of_unit_length: csr_matrix = normalize(held)
    return of_unit_length
