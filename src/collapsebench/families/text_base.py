"""Models that a recipe makes: trained once per machine on real texts, checked, and kept in the cache.

A task's generations are fine-tuned from one, and another can edit text from outside the loop. Their weights are not
shipped: a recipe and the texts are what is fixed.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..core import files
from ..core.digests import module_code
from ..core.errors import PluginError, StoreError
from ..core.files import digest, locked, sha256, write_atomic
from ..core.seeds import generator
from ..data import pairs
from ..learners.lm.device import accelerator
from ..learners.lm.model import load_pretrained
from ..learners.lm.tokenizer import bpe_tokenizer, load_tokenizer
from .text_model import ModelSource

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

log = logging.getLogger("collapsebench")

RECIPE = "recipe"
"""What a task's `base` or `external_prior` says for a model that the harness makes."""

EVERY = 60.0
"""Seconds between checkpoints, each of which says how far the training is."""

_NOTE = "recipe.json"


@dataclass(frozen=True)
class Recipe:
    """How a model is made; its digest names the model's folder in the cache.

    Args:
        texts: what it is trained on, one after the other, in windows as long as the context.
        model: architecture and keys, as `TextTask.model`.
        vocabulary: tokens of a byte-pair tokenizer, counted in the texts.
        context: tokens that the model reads.
        steps: of AdamW, at a rate that rises in the first twentieth and falls along a cosine to zero.
        batch: windows per step.
        lr: peak learning rate.
        base: of the model that the training goes on from, with its tokenizer; None to begin at random weights.
    """

    texts: Sequence[str]
    model: str
    vocabulary: int
    context: int
    steps: int
    batch: int
    lr: float
    base: Recipe | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every field and the code that makes a model of them."""
        training = (self.model, self.vocabulary, self.context, self.steps, self.batch, self.lr)
        before = self.base.digest if self.base else ""
        return digest([list(self.texts), training, before, module_code("families.text_base").digest])


class Settings(dict[str, float]):
    """What a task's parameter `recipe` says: "stories=1000 steps=2000 batch=8 lr=0.004", and of the model outside the
    loop, which goes on from the base, "further_stories=200 further_steps=300".

    Raises:
        PluginError: an entry that is unknown, missing or no number above zero.
    """

    NAMES = ("stories", "steps", "batch", "lr", "further_stories", "further_steps")

    def __init__(self, text: str, task: str, further: bool) -> None:
        given = pairs(text, "=", f"{task}: recipe")
        wanted = self.NAMES if further else self.NAMES[:4]
        for name in [*given, *wanted]:
            value = given.get(name, "")
            if name not in self.NAMES or not value.replace(".", "", name == "lr").isdigit() or not float(value):
                problem = f"'{name}={value}'" if name in given else f"no {name}"
                raise PluginError(
                    f"{task}: recipe has {problem}; its entries are numbers above zero: {', '.join(self.NAMES)}.",
                    'Write for example "stories=1000 steps=2000 batch=8 lr=0.004".',
                )
        super().__init__({name: float(value) for name, value in given.items()})

    @property
    def stories(self) -> int:
        """Texts of all the recipes together."""
        return int(self["stories"] + self.get("further_stories", 0))

    def recipe(self, texts: Sequence[str], model: str, vocabulary: int, context: int) -> Recipe:
        """Of the base, on the first of these texts."""
        sizes = (int(self["steps"]), int(self["batch"]), self["lr"])
        return Recipe(texts[: int(self["stories"])], model, vocabulary, context, *sizes)

    def further(self, base: Recipe, texts: Sequence[str]) -> Recipe:
        """Of the model outside the loop, on the rest of these texts."""
        rest = texts[int(self["stories"]) :]
        steps = int(self["further_steps"])
        return Recipe(rest, base.model, base.vocabulary, base.context, steps, base.batch, base.lr, base)


def made(recipe: Recipe) -> Path:
    """The folder of a recipe's model, as Hugging Face writes one: from the cache, or trained now and put there.

    A training that was interrupted goes on from its last checkpoint and ends at the same weights.

    Raises:
        StoreError: the folder is damaged, or the cache cannot be written.
        PluginError: it is not there and several processes share this cell, or its loss is not finite.
    """
    before = made(recipe.base) if recipe.base else None
    folder = files.cache_folder() / "bases" / recipe.digest[:16]
    if not folder.is_dir() and accelerator().num_processes > 1:
        raise PluginError(
            "The base model is not made yet, which one process does for all.",
            "Run one cell without `accelerate launch` first.",
        )
    with locked(folder.with_suffix(".lock")):
        if not folder.is_dir():
            _make(recipe, before, folder)
        _check(folder)
    return folder


def _make(recipe: Recipe, before: Path | None, folder: Path) -> None:
    if before:
        model, tokenizer = load_pretrained(before), load_tokenizer(before)
    else:
        tokenizer = bpe_tokenizer(recipe.texts, recipe.vocabulary)
        model = ModelSource(recipe.model, None, 0).build(tokenizer, recipe.context, generator(0))
    checkpoint = folder.with_suffix(".checkpoint")
    _train(model.to(accelerator().device), recipe, tokenizer, checkpoint)
    half = folder.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    with contextlib.redirect_stderr(io.StringIO()):  # no progress bars
        model.save_pretrained(half)
    tokenizer.save_pretrained(half)
    sums = {file.name: sha256(file.read_bytes()) for file in sorted(half.iterdir())}
    write_atomic(half / _NOTE, json.dumps({"recipe": recipe.digest, "files": sums}).encode())
    os.replace(half, folder)
    checkpoint.unlink(missing_ok=True)


def _train(model: PreTrainedModel, recipe: Recipe, tokenizer: PreTrainedTokenizerFast, checkpoint: Path) -> None:
    """Minimise the loss of every token of the texts, from the last checkpoint on."""
    stream = _stream(recipe.texts, tokenizer)
    places = _places(len(stream), recipe)
    weights = [p for p in model.parameters() if p.dim() > 1], [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": weights[0], "weight_decay": 0.05}, {"params": weights[1], "weight_decay": 0.0}]
    stepper = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
    first = _resumed(checkpoint, model, stepper)
    saved = started = time.monotonic()
    model.train()
    for step in range(first, recipe.steps):
        windows = stream[places[step, :, None] + torch.arange(recipe.context + 1)].to(model.device)
        logits = model(input_ids=windows[:, :-1], use_cache=False).logits.float()
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in stepper.param_groups:
            group["lr"] = _rate(recipe, step)
        stepper.step()
        stepper.zero_grad()
        if time.monotonic() - saved >= EVERY or step + 1 == recipe.steps:
            if not bool(loss.isfinite()):
                raise PluginError(
                    f"The loss of the base model is not finite after {step + 1} steps.", "Lower the recipe's lr."
                )
            left = (time.monotonic() - started) / (step + 1 - first) * (recipe.steps - step - 1)
            message = "base model %s: step %d of %d, %.3f nats/token, about %.0f minutes left"
            log.warning(message, recipe.digest[:8], step + 1, recipe.steps, loss.item(), left / 60)
            state = {"step": step + 1, "model": model.state_dict(), "optimizer": stepper.state_dict()}
            write_atomic(checkpoint, _packed(state))
            saved = time.monotonic()
    model.eval()


def _stream(texts: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
    """All texts as one row of tokens, int64, each between the tokens that begin and end a text."""
    rows = tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
    return torch.tensor([t for row in rows for t in (tokenizer.bos_token_id, *row, tokenizer.eos_token_id)])


def _places(length: int, recipe: Recipe) -> torch.Tensor:
    """Where the windows of each step begin, int64 `[steps, batch]`: in passes over the texts, each shifted anew."""
    if length <= 2 * recipe.context:
        raise PluginError(
            f"The texts of a recipe have {length} tokens, less than two windows of {recipe.context}.",
            "Give it more texts: raise stories in the task's recipe.",
        )
    rng, wanted = generator(1), recipe.steps * recipe.batch
    found = torch.empty(0, dtype=torch.int64)
    while len(found) < wanted:
        shift = int(torch.randint(recipe.context, (1,), generator=rng))
        windows = torch.arange(shift, length - recipe.context, recipe.context)
        found = torch.cat([found, windows[torch.randperm(len(windows), generator=rng)]])
    return found[:wanted].view(recipe.steps, recipe.batch)


def _rate(recipe: Recipe, step: int) -> float:
    """Learning rate of a step, as `Recipe.steps` says."""
    rising = max(1, recipe.steps // 20)
    falling = 0.5 - 0.5 * math.cos(math.pi * (recipe.steps - step) / recipe.steps)
    return recipe.lr * min((step + 1) / rising, falling)


def _resumed(checkpoint: Path, model: PreTrainedModel, stepper: torch.optim.Optimizer) -> int:
    """The step that training goes on at; a checkpoint that cannot be read is left aside, with a warning."""
    if not checkpoint.is_file():
        return 0
    try:
        state: dict[str, Any] = torch.load(checkpoint, weights_only=True, map_location=model.device)
    except Exception as error:  # torch raises nothing more specific
        log.warning("%s is damaged (%s); training the base model from the start.", checkpoint, type(error).__name__)
        return 0
    model.load_state_dict(state["model"])
    stepper.load_state_dict(state["optimizer"])
    return int(state["step"])


def _packed(state: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _check(folder: Path) -> None:
    """Refuse a folder whose files are not those that were written."""
    try:
        sums = json.loads((folder / _NOTE).read_text(encoding="utf-8"))["files"]
        damaged = [name for name, known in sums.items() if sha256((folder / name).read_bytes()) != known]
    except (OSError, ValueError, KeyError) as error:
        damaged = [f"{_NOTE}, {type(error).__name__}"]
    if damaged:
        raise StoreError(
            f"The base model in {folder} is damaged ({damaged[0]}).",
            "Delete the folder; the next run makes the model again.",
        )
