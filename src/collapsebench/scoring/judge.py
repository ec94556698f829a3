"""The fixed classifier of a task: trained once per machine by a recipe, checked, and kept in the cache.

It judges samples and gives the features that they are compared in; no model of the loop ever changes it.
Its weights are not shipped: the recipe, its data and the check on held-out images are what is fixed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ..core import files
from ..core.corpus import Corpus
from ..core.digests import module_code
from ..core.errors import DataError, StoreError
from ..core.files import digest, write_atomic
from ..core.learner import FitConfig
from ..core.seeds import generator
from ..learners.gradient import Optimizer, batches, descend, initialised
from ..learners.image.shape import ImageShape

log = logging.getLogger("collapsebench")

CHUNK = 1000
"""Images classified at once."""

_NOTE = "collapsebench"  # one key: the order of several in a file's header is not fixed


@dataclass(frozen=True)
class Recipe:
    """How a classifier is made; its digest names the file in the cache.

    Args:
        task: whose images.
        data: digest of the images that it is trained on.
        shape: of the images.
        most_error: largest share of held-out images that it may get wrong.
        steps: of AdamW, at a rate that rises in the first twentieth and decays linearly to zero.
        batch: images per step.
        lr: peak learning rate.
        width: filters of the first convolution; the second has twice as many.
        features: units of the layer before the last.
    """

    task: str
    data: str
    shape: ImageShape
    most_error: float
    steps: int
    batch: int = 64
    lr: float = 1e-2
    width: int = 32
    features: int = 32

    @property
    def digest(self) -> str:
        """SHA-256 over every field and the code that makes a classifier of them."""
        return digest([asdict(self), module_code("scoring.judge").digest])


class Classifier:
    """A trained network.

    Args:
        network: of this recipe.
        recipe: how it was made.
    """

    def __init__(self, network: _Network, recipe: Recipe) -> None:
        self._network, self._levels = network, recipe.shape.levels

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Units of the layer before the last for counts `[n, pixels]`, float `[n, features]`."""
        return self._over_chunks(self._network.features, images)

    def probabilities(self, images: torch.Tensor) -> torch.Tensor:
        """p(label | image) for counts `[n, pixels]`, float `[n, classes]`."""
        return self._over_chunks(self._network, images).softmax(1)

    def predict(self, images: torch.Tensor) -> torch.Tensor:
        """The most probable label of each image, int64 `[n]`."""
        return self.probabilities(images).argmax(1)

    def _over_chunks(self, function: Callable[[torch.Tensor], torch.Tensor], images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return torch.cat([function(chunk.float() / self._levels) for chunk in torch.split(images, CHUNK)])


def fixed_classifier(recipe: Recipe, train: Corpus, heldout: Corpus) -> Classifier:
    """The classifier of a recipe, from the cache or trained now and put there.

    A file in the cache that is damaged or of another recipe is made again, with a warning. Training says the error.

    Args:
        recipe: how to make it.
        train: images and labels to train on.
        heldout: others to check it on.

    Raises:
        DataError: trained as the recipe says, it gets too many held-out images wrong.
    """
    path = files.cache_folder() / "classifiers" / f"{recipe.task}-{recipe.digest[:16]}.safetensors"
    network = initialised(lambda: _Network(recipe), generator(0))
    with _lock(path):
        weights = _cached(path, recipe)
        if weights is not None:
            network.load_state_dict(weights)
            return Classifier(network, recipe)
        _train(network, recipe, train)
        classifier = Classifier(network, recipe)
        error = _checked_error(classifier, recipe, heldout)
        _keep(path, recipe, error, dict(network.state_dict()))
        log.warning(
            "%s: trained its fixed classifier, which gets %.1f%% of test images wrong.", recipe.task, 100 * error
        )
        return classifier


class _Network(torch.nn.Module):
    """Two convolutions, each halving the image, and two linear layers; the last one's inputs are the features."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self._side = recipe.shape.side
        width, pixels = recipe.width, (recipe.shape.side // 4) ** 2
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(1, width, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Conv2d(width, 2 * width, 3, padding=1),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Flatten(),
            torch.nn.Linear(2 * width * pixels, recipe.features),
            torch.nn.ReLU(),
        )
        self.head = torch.nn.Linear(recipe.features, recipe.shape.classes)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """Features `[n, features]` of images `[n, pixels]` in [0, 1]."""
        features: torch.Tensor = self.body(images.view(-1, 1, self._side, self._side))
        return features

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits `[n, classes]` of images `[n, pixels]` in [0, 1]."""
        logits: torch.Tensor = self.head(self.features(images))
        return logits


def _train(network: _Network, recipe: Recipe, corpus: Corpus) -> None:
    """Minimise the cross-entropy of the labels."""
    images, labels = corpus["image"], corpus["label"]

    def loss(rows: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(network(images[rows].float() / recipe.shape.levels), labels[rows])

    training = FitConfig(generator(1), steps=recipe.steps, batch=recipe.batch)
    descend(network, Optimizer(lr=recipe.lr, schedule="linear"), batches(corpus, training), recipe.steps, loss)


def _checked_error(classifier: Classifier, recipe: Recipe, heldout: Corpus) -> float:
    error = float((classifier.predict(heldout["image"]) != heldout["label"]).double().mean())
    if error > recipe.most_error:
        raise DataError(
            f"The fixed classifier of '{recipe.task}' gets {error:.1%} of the held-out images wrong; "
            f"its recipe allows {recipe.most_error:.1%}.",
            "Check the versions with `collapsebench doctor`; for images of your own, set the task's most_error.",
        )
    return error


def _cached(path: Path, recipe: Recipe) -> dict[str, torch.Tensor] | None:
    """The weights in a file, or None if there is none or it cannot be used (a warning says so)."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            note = json.loads((file.metadata() or {}).get(_NOTE, "{}"))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except (SafetensorError, ValueError, OSError) as error:
        problem = f"is damaged ({error})"
    else:
        if note.get("recipe") == recipe.digest and note.get("sha256") == _sha256(weights):
            return weights
        problem = "is damaged (checksum)" if note.get("recipe") == recipe.digest else "is of another version"
    log.warning("%s %s; training the classifier again.", path, problem)
    return None


def _keep(path: Path, recipe: Recipe, error: float, weights: dict[str, torch.Tensor]) -> None:
    note = {"recipe": recipe.digest, "sha256": _sha256(weights), "heldout_error": error}
    write_atomic(path, save(weights, {_NOTE: json.dumps(note)}))


def _sha256(weights: dict[str, torch.Tensor]) -> str:
    sha = hashlib.sha256()
    for name, weight in sorted(weights.items()):
        sha.update(f"{name} {weight.dtype} {tuple(weight.shape)}\0".encode())
        sha.update(weight.numpy().tobytes())
    return sha.hexdigest()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Held while the file is read or made, so that several workers train it once.

    Raises:
        StoreError: the cache cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_suffix(".lock"))
        lock.acquire()
    except OSError as error:
        raise StoreError(
            f"Cannot write to the cache {path.parent}: {error.strerror or error}.",
            f"Set {files.CACHE_VARIABLE} to a folder that can be written.",
        ) from error
    try:
        yield
    finally:
        lock.release()
