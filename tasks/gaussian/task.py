"""A standard normal, fitted by maximum likelihood: the case whose collapse is known in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch

from collapsebench import Corpus, Count, Finite, Learner, Metric, Positive, Quantile, Start, Task, TaskCard, task
from collapsebench.scoring import kl_from_standard_normal, w2_to_standard_normal

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    from collapsebench.learners import GaussianLearner


@task("gaussian")
class Gaussian(Task):
    """N(0, I_d) and its maximum-likelihood normal.

    Args:
        d: dimension.
        verifier_quantile: the verifier keeps a row whose real log density is above this quantile of P*.
            It is biased: every row it rejects is a possible one, so it cuts the tails.
        reward_centre: distance from the origin, along the first axis, of the point that the reward prefers.
        reward_clip: distances beyond this are all equally bad.
    """

    d: Count = 10
    verifier_quantile: Quantile = 0.1
    reward_centre: Finite = 1.0
    reward_clip: Positive = 5.0

    card = TaskCard(
        title="Gaussian",
        modality="vector",
        suite="theory",
        primary="w2",
        unit="squared distance",
        metrics={
            "w2": Metric("squared 2-Wasserstein distance to P*", 0),
            "kl": Metric("KL(P* ‖ model), nats: the excess NLL on real data", 0),
            "mean_sq": Metric("squared norm of the fitted mean", 0),
            "trace": Metric("trace of the fitted covariance (d for P*)", 0),
            "det": Metric("determinant of the fitted covariance (1 for P*)", 0),
        },
        supports={"sites", "log_prob", "temperature", "verifier", "reward"},
        shown=("trace", "mean_sq"),
    )

    def __post_init__(self) -> None:
        about = f"draws of a standard normal in {self.d} dimensions; a normal of the mean and covariance of its rows"
        object.__setattr__(self, "card", replace(type(self).card, about=about))

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        return Corpus({"x": torch.randn(n, self.d, dtype=torch.float64, generator=rng)})

    def learner(self, rng: torch.Generator) -> Learner:
        from collapsebench.learners import GaussianLearner

        return GaussianLearner(self.d)

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """Exact distances to P*; nothing is drawn."""
        model = cast("GaussianLearner", learner)
        variances, (mean_sq, distance_sq) = model.variances(), model.origin()
        return {
            "w2": w2_to_standard_normal(mean_sq, variances),
            "kl": kl_from_standard_normal(distance_sq, variances),
            "mean_sq": mean_sq,
            "trace": math.fsum(variances.tolist()),
            "det": math.prod(variances.tolist()),
        }

    def verify(self, corpus: Corpus) -> torch.Tensor:
        """Rows of a log density above the quantile: those inside a sphere, as ‖x‖² is χ² distributed."""
        from scipy.special import gammaincinv

        radius_sq = float(2 * gammaincinv(self.d / 2, 1 - self.verifier_quantile))
        return corpus["x"].square().sum(1) <= radius_sq

    def reward(self, corpus: Corpus) -> torch.Tensor:
        """Minus the distance to the preferred point, no lower than −`reward_clip`."""
        centre = torch.zeros(self.d, dtype=torch.float64)
        centre[0] = self.reward_centre
        distance: torch.Tensor = (corpus["x"] - centre).norm(dim=1)
        return -distance.clamp(max=self.reward_clip)

    def theory(self, method: str, n: int, generations: int) -> dict[str, list[float]]:
        """Expected metrics at t = 0..generations, exact; {} where no closed form is known.

        `kl` is known of chained fits, and `w2` of one to n real rows.
        """
        import numpy as np

        from collapsebench import laws

        pools = {"accumulate": laws.gaussian_accumulate, "accumulate_subsample": laws.gaussian_accumulate_subsample}
        chain = laws.chained(method, generations)
        if chain is not None:
            spread = laws.gaussian_replace(n, generations)[chain - 1]
        elif method in pools:
            spread = pools[method](n, generations)
        else:
            return {}
        curves = {"trace": self.d * spread, "mean_sq": self.d * laws.gaussian_mean_error(spread)}
        if chain is not None and n > self.d + 2:
            curves["kl"] = self._chained_kl(n, generations)[chain - 1]
        if chain is not None and chain[-1] == 1:
            curves["w2"] = np.full(generations + 1, self.learning_curve([n])[0])
        return {metric: curve.tolist() for metric, curve in curves.items()}

    def _chained_kl(self, n: int, generations: int) -> NDArray[float64]:
        """Expected `kl` of the first, second, ... fit of a chain, float `[G + 1]`.

        A fit multiplies E tr Σ̂⁻¹ by c = n/(n − d − 2), the mean of an inverse Wishart matrix; and E μ̂ᵀΣ̂⁻¹μ̂ too, once
        its own d/n is added to that. It moves E log det Σ̂ by the means of log χ²/n of n − 1 to n − d degrees.
        """
        import numpy as np
        from scipy.special import digamma

        d, t = self.d, np.arange(1, generations + 2)
        inverse = (n / (n - d - 2)) ** t
        log_det = digamma((n - np.arange(1, d + 1)) / 2).sum() + d * math.log(2 / n)
        return np.asarray((d * inverse + d / n * np.cumsum(inverse) - d + t * log_det) / 2)

    def learning_curve(self, sizes: Sequence[int]) -> list[float]:
        """Expected `w2`, exact: 2d − 2 E tr S^½ for the covariance S of n rows, n S a Wishart matrix of n − 1 degrees.

        The trace of S and the squared norm of the mean add up to d on average.
        """
        from .wishart import mean_root_trace

        return [2 * self.d - 2 * mean_root_trace(n - 1, self.d) / math.sqrt(n) for n in sizes]
