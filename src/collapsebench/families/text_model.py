"""The model and the tokenizer of a text task, made from what its parameters say."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

import torch

from ..core.errors import PluginError
from ..data import data_path, pairs

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


class ModelSource(NamedTuple):
    """Where a model comes from: a configuration, or a pretrained base with or without adapters.

    Args:
        model: as `TextTask.model`.
        base: as `TextTask.base`.
        lora: as `TextTask.lora`.
    """

    model: str | None
    base: str | None
    lora: int

    def check(self, task: str, size: str) -> None:
        """Refuse what no model can be made of.

        Raises:
            PluginError: the message names the task and the parameter.
        """
        if self.lora and not self.base:
            raise PluginError(f"{task}: lora is the rank of adapters to a pretrained base.", "Set base as well.")
        if not self.base and not self.model:
            raise PluginError(
                f"{task}: size '{size}' fine-tunes a pretrained model.",
                "Set base: the path of a Hugging Face folder or GGUF file.",
            )
        pairs((self.model or "").partition(" ")[2], "=", f"{task}: model")

    def build(self, tokenizer: PreTrainedTokenizerFast, context: int, rng: torch.Generator) -> PreTrainedModel:
        """The base, or a model of texts of `context` tokens at weights drawn from `rng`."""
        from ..learners.lm.model import DEFAULTS, Lora, build_model, load_pretrained, with_lora
        from ..learners.lm.tokenizer import vocabulary_size

        if self.base:
            model = load_pretrained(data_path(self.base))
            return with_lora(model, Lora(self.lora), rng) if self.lora else model
        architecture, _, keys = (self.model or "").partition(" ")
        config = {
            "model_type": architecture,
            "vocab_size": vocabulary_size(tokenizer),
            "max_position_embeddings": context + 1,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            **DEFAULTS.get(architecture, {}),
            **{key: _value(value) for key, value in pairs(keys, "=", "model").items()},
        }
        return build_model(config, rng)


def make_tokenizer(kind: str, vocabulary: int, texts: Callable[[], Iterable[str]]) -> PreTrainedTokenizerFast:
    """The tokenizer that a task's parameter `tokenizer` names.

    Args:
        kind: `bpe`, `words`, `characters`, or the path of a pretrained one.
        vocabulary: tokens of `bpe` and `words`.
        texts: gives the texts that those two count in.
    """
    from ..learners.lm.tokenizer import bpe_tokenizer, byte_tokenizer, load_tokenizer, word_tokenizer

    if kind == "bpe":
        return bpe_tokenizer(texts(), vocabulary)
    if kind == "words":
        return word_tokenizer(texts(), vocabulary)
    return byte_tokenizer() if kind == "characters" else load_tokenizer(data_path(kind))


def _value(text: str) -> object:
    """A number or truth value as JSON spells it, or else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
