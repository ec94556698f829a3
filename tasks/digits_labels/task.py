"""Handwritten digits of 8×8 pixels with labels that the model writes; ships with scikit-learn."""

from __future__ import annotations

from functools import lru_cache

from collapsebench import Count, TaskCard, task
from collapsebench.data import DIGITS_SHA256, digits
from collapsebench.families import LABEL_METRICS, LabelsTask, Parts, dealt
from collapsebench.learners import ImageShape

DEAL = "lulullulullurl"
"""Who gets the training image at each place of fourteen."""


@task("digits_labels")
class DigitsLabels(LabelsTask):
    """scikit-learn's digits, labelled by the previous model: random features or a two-layer network."""

    width: Count = 500
    heldout: Count = 400
    prior_rows: Count = 99

    card = TaskCard(
        title="Digit labels",
        modality="labelled",
        suite="images",
        primary="mse",  # 400 test images tell errors of whole images less well
        unit="squared error",
        metrics=LABEL_METRICS,
        supports={"sites", "log_prob", "temperature", "top_k", "verifier", "reward", "prior"},
        licence="CC BY 4.0",
        data=f"scikit-learn digits (UCI, E. Alpaydin and C. Kaynak), SHA-256 {DIGITS_SHA256}",
        population=799,
        shown=("error", "label_error", "diversity_ratio"),
        about="handwritten digits of 8×8 pixels",
        corpus="scikit-learn's digits",
    )

    @property
    def shape(self) -> ImageShape:
        return ImageShape(side=8)

    def parts(self) -> Parts:
        return parts()


@lru_cache
def parts() -> Parts:
    """The digits by use; the order of their file runs from writer to writer."""
    train, test = digits()
    return Parts(*dealt(train, DEAL), test)
