"""Kernel density with a fixed bandwidth: second moment of the model, per coordinate.

Symbols: s2 the data's second moment per coordinate, h the bandwidth (standard deviation of the Gaussian
kernel, in the data's units). A model is its data convolved with the kernel, so each generation of
synthetic data has a second moment larger by h^2 than the rows it was fitted to, whatever n.
"""

from __future__ import annotations

import numpy as np

from .law import Array, fits, law


@law("exact", source="derived: one convolution per generation", valid="any n; h the same at every generation")
def kde_replace(s2: float, h: float, generations: int) -> Array:
    """s2 + t h^2 when each generation is fitted to the last synthetic set, float `[G + 1]`."""
    return s2 + h * h * fits(generations)


@law("exact", source="derived: mean over the pool", valid="any n; h the same at every generation")
def kde_accumulate(s2: float, h: float, generations: int) -> Array:
    """s2 + h^2 H_t with H_t the harmonic number, float `[G + 1]`: unbounded, like log t.

    The pool's second moment rises by h^2/(t + 1) with each block. Accumulate-subsample has the same
    expectation, since a uniform subset of the pool has the pool's mean second moment.
    """
    return np.asarray(s2 + h * h * np.cumsum(1 / fits(generations)))
