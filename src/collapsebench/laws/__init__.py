"""Closed forms of the theory papers, one module per family; `LAWS` lists them with kind, source and range.

Pure functions over floats and numpy arrays. `docs/token-editing-bound.md` derives those of `editing`.
"""

from .categorical import (
    Draws,
    categorical_diversity,
    categorical_error,
    categorical_error_limit,
    categorical_size_to_improve,
    entropy,
    tempered,
    zipf,
)
from .curation import curated, curated_divergence, curated_gain, curated_loop
from .editing import (
    PUBLISHED_EDIT_BOUND,
    edit_disjoint_fixed,
    edit_disjoint_self,
    edit_disjoint_self_limit,
    edit_given_design,
    edit_once,
    edit_once_exact,
    edit_random_fixed,
    edit_random_self,
)
from .gaussian import (
    gaussian_accumulate,
    gaussian_accumulate_limit,
    gaussian_accumulate_subsample,
    gaussian_mean_error,
    gaussian_replace,
)
from .kde import kde_accumulate, kde_replace
from .law import LAWS, Array, Kind, Law
from .mixing import golden_weight, weighted_variance, weighted_variance_limit, weighted_variance_reused_limit
from .regression import regression_accumulate, regression_accumulate_fresh, regression_error, regression_replace
from .regular import (
    ACCUMULATE_LIMIT,
    ACCUMULATE_SUBSAMPLE_LIMIT,
    regular_accumulate,
    regular_accumulate_subsample,
    regular_replace,
)
from .shifted import effective_ridge, shifted_isotropic_error, shifted_ridge_error
from .tails import effective_cut, memorising_error, tail_exponent, tail_generations, tail_scaling
from .verification import breakdown_point, keep_rate, kept_precision, verified_mean

__all__ = [
    "ACCUMULATE_LIMIT",
    "ACCUMULATE_SUBSAMPLE_LIMIT",
    "LAWS",
    "PUBLISHED_EDIT_BOUND",
    "Array",
    "Draws",
    "Kind",
    "Law",
    "breakdown_point",
    "categorical_diversity",
    "categorical_error",
    "categorical_error_limit",
    "categorical_size_to_improve",
    "curated",
    "curated_divergence",
    "curated_gain",
    "curated_loop",
    "edit_disjoint_fixed",
    "edit_disjoint_self",
    "edit_disjoint_self_limit",
    "edit_given_design",
    "edit_once",
    "edit_once_exact",
    "edit_random_fixed",
    "edit_random_self",
    "effective_cut",
    "effective_ridge",
    "entropy",
    "gaussian_accumulate",
    "gaussian_accumulate_limit",
    "gaussian_accumulate_subsample",
    "gaussian_mean_error",
    "gaussian_replace",
    "golden_weight",
    "kde_accumulate",
    "kde_replace",
    "keep_rate",
    "kept_precision",
    "memorising_error",
    "regression_accumulate",
    "regression_accumulate_fresh",
    "regression_error",
    "regression_replace",
    "regular_accumulate",
    "regular_accumulate_subsample",
    "regular_replace",
    "shifted_isotropic_error",
    "shifted_ridge_error",
    "tail_exponent",
    "tail_generations",
    "tail_scaling",
    "tempered",
    "verified_mean",
    "weighted_variance",
    "weighted_variance_limit",
    "weighted_variance_reused_limit",
    "zipf",
]
