"""The weights of a corpus, as closed-form estimators take them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..core.corpus import Corpus
from ..core.errors import PluginError


def checked_weights(corpus: Corpus, model: str) -> NDArray[np.float64] | None:
    """Row weights, float `[n]`, or None where every row counts 1.

    Raises:
        PluginError: no row, or none of positive weight; the message says which model cannot be fitted.
    """
    if not len(corpus):
        raise PluginError(f"Cannot fit a {model} to a corpus without rows.", "Return at least one row from `curate`.")
    if corpus.weights is None:
        return None
    weights = corpus.weights.to(torch.float64).numpy()
    if not weights.sum() > 0:
        raise PluginError(
            f"Cannot fit a {model} to rows of total weight {weights.sum()}.", "Give some rows a positive weight."
        )
    return weights
