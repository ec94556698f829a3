"""Scoring: distances, statistics and judges that tasks are evaluated with."""

from typing import TYPE_CHECKING

from ..core.lazy import exports

if TYPE_CHECKING:
    from .distribution import entropy as entropy
    from .distribution import kl_divergence as kl_divergence
    from .distribution import kl_from_standard_normal as kl_from_standard_normal
    from .distribution import mass as mass
    from .distribution import mode_coverage as mode_coverage
    from .distribution import rarest_half as rarest_half
    from .distribution import shares as shares
    from .distribution import squared_l2 as squared_l2
    from .distribution import support_lost as support_lost
    from .distribution import w2_between_samples as w2_between_samples
    from .distribution import w2_to_standard_normal as w2_to_standard_normal
    from .image import KernelClassifier as KernelClassifier
    from .image import Spread as Spread
    from .image import class_entropy as class_entropy
    from .image import frechet_distance as frechet_distance
    from .image import precision_recall as precision_recall
    from .judge import Classifier as Classifier
    from .judge import Recipe as Recipe
    from .judge import fixed_classifier as fixed_classifier
    from .lm_eval.sets import lm_eval_documents as lm_eval_documents
    from .lm_eval.suite import Suite as Suite
    from .text import STATISTICS as STATISTICS
    from .text import Variety as Variety
    from .text import ngram_counts as ngram_counts
    from .text import nll_per_token as nll_per_token
    from .text import sample_statistics as sample_statistics
    from .text import variety as variety
else:
    __getattr__, __dir__ = exports(__name__)
