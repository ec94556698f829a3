"""A causal language model from a Hugging Face configuration, as a learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ...core.corpus import Corpus
from ...core.errors import PluginError
from ...core.learner import Decoding, FitConfig, FitReport, Learner, Sites
from ..gradient import Optimizer
from ..sharded import parted_like, whole
from .device import on_device
from .model import DEFAULTS, build_model
from .sample import generate, resample
from .score import log_probs, scored_places
from .tokenizer import BOS, EOS, marks, vocabulary_size
from .train import ALL_AT_ONCE, Memory, train

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast


@dataclass(frozen=True)
class LMShape:
    """The size of a decoder-only transformer.

    Args:
        vocabulary: number of tokens, special ones included.
        context: longest text in tokens, `BOS` not counted.
        width: hidden size.
        layers: number of blocks.
        heads: attention heads.
        architecture: Hugging Face's name of a decoder-only transformer, such as `gpt2` or `llama`.
        tied: whether input and output embeddings are one matrix.
        init: standard deviation of the initial weights.
    """

    vocabulary: int
    context: int
    width: int = 48
    layers: int = 1
    heads: int = 4
    architecture: str = "gpt2"
    tied: bool = False
    init: float = 0.02

    def build(self, rng: torch.Generator) -> PreTrainedModel:
        """The model at initial weights drawn from `rng`; no dropout. Global random state stays as it was.

        Raises:
            PluginError: unknown architecture.
        """
        config = {
            "vocab_size": self.vocabulary,
            "max_position_embeddings": self.context + 1,
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "initializer_range": self.init,
            "tie_word_embeddings": self.tied,
            "bos_token_id": BOS,
            "eos_token_id": EOS,
        }
        if self.architecture == "llama":
            config["intermediate_size"] = 8 * self.width // 3
        return build_model({"model_type": self.architecture, **DEFAULTS.get(self.architecture, {}), **config}, rng)


class CausalLM(Learner):
    """Any Hugging Face causal language model over texts: column `tokens` `[n, L]`, int64, right-padded.

    With a second column `prompt_length` `[n]`, int64, so many leading tokens of a row are a prompt: a condition
    that has no loss and that no method edits.

    A method's `site_weights` multiply the loss of each token.

    Args:
        model: at its initial (or pretrained) weights; this object owns it.
        tokenizer: says what texts start from, end with and are padded with (`lm.tokenize`).
        length: most tokens of a text, its end included; the number of columns that `sample` gives.
        optimizer: training settings.
        ends: whether texts end with the end-of-text token (False when all have exactly `length` tokens).
        memory: how much of a training step is held at once.

    Raises:
        PluginError: texts longer than the model's context, or more tokens than its vocabulary.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        length: int,
        optimizer: Optimizer,
        *,
        ends: bool = True,
        memory: Memory = ALL_AT_ONCE,
    ) -> None:
        _check_fit(model, tokenizer, length)
        self.model = on_device(model)
        self.tokenizer, self.length = tokenizer, length
        self._optimizer, self._memory, self._marks = optimizer, memory, marks(tokenizer, ends)
        self._scored: tuple[Corpus, torch.Tensor] | None = None  # the corpus scored last, for `resample`

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Train for the steps that `training` says.

        Raises:
            Diverged: the loss is not finite.
        """
        self._scored = None
        return train(self.model, corpus, training, self._optimizer, self._marks, self._memory)

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """`n` texts from the model, column `tokens` `[n, length]`.

        Args:
            n: texts.
            rng: the draws.
            decoding: how tokens are drawn.
            conditions: prompts to continue, columns `tokens` `[n, P]` and `prompt_length` `[n]`, or None.

        Returns:
            With `conditions`, whole texts and their `prompt_length` again.

        Raises:
            PluginError: a prompt that leaves no room for a continuation.
        """
        if conditions is None:
            return Corpus({"tokens": generate(self.model, n, self.length, rng, decoding, self._marks)})
        prompts, given = conditions["tokens"], conditions["prompt_length"]
        if len(given) and int(given.max()) >= self.length:
            raise PluginError(
                f"A prompt of {int(given.max())} tokens leaves no room in texts of {self.length}.",
                "Leave long prompts out, or take longer texts.",
            )
        tokens = generate(self.model, n, self.length, rng, decoding, self._marks, prompts, given)
        return Corpus({"tokens": tokens, "prompt_length": given})

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log-probability of each text after its prompt, its end-of-text token included, nats, float `[n]`."""
        return self._log_probs(corpus).sum(1)

    def sites(self, corpus: Corpus) -> Sites:
        """Log-probability of every token given those before it, nats, `[n, L]`; 0 in prompts and at padding.

        Prompts are not editable, nor is the first token of a text without a prompt.
        """
        editable = scored_places(corpus, self._marks.pad)
        editable[:, 0] = False
        return Sites(self._log_probs(corpus), editable)

    def resample(self, corpus: Corpus, mask: torch.Tensor, rng: torch.Generator, decoding: Decoding) -> Corpus:
        """Tokens under `mask` drawn anew given the *original* tokens before them (Zhu et al., arXiv:2412.14689)."""
        known = self._scored[1] if self._scored is not None and self._scored[0] is corpus else None
        tokens = resample(self.model, corpus["tokens"], mask, rng, decoding, self._marks, known)
        return corpus.with_columns(tokens=tokens)

    def language_model(self) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
        """The model and its tokenizer."""
        return self.model, self.tokenizer

    def tokens(self, corpus: Corpus) -> int:
        """Tokens that are not padding, prompts included."""
        return int((corpus["tokens"] != self._marks.pad).sum())

    def state(self) -> dict[str, torch.Tensor]:
        """The trainable parameters by name (with LoRA, the adapters); a tied matrix once."""
        return {name: whole(tensor.detach()).cpu().clone() for name, tensor in self._trainable().items()}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        self._scored = None
        parameters = self._trainable()
        if parameters.keys() != state.keys():
            raise PluginError(f"The saved model differs in {sorted(parameters.keys() ^ state.keys())[:3]}.")
        with torch.no_grad():
            for name, tensor in state.items():
                parameters[name].copy_(parted_like(tensor, parameters[name]))

    def _trainable(self) -> dict[str, torch.nn.Parameter]:
        return {name: tensor for name, tensor in self.model.named_parameters() if tensor.requires_grad}

    def _log_probs(self, corpus: Corpus) -> torch.Tensor:
        if self._scored is None or self._scored[0] is not corpus:
            self._scored = (corpus, log_probs(self.model, corpus["tokens"], self._marks))
        return self._scored[1].masked_fill(~scored_places(corpus, self._marks.pad), 0.0)


def _check_fit(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, length: int) -> None:
    """Refuse a model that cannot read the task's texts."""
    context = getattr(model.config, "max_position_embeddings", length)
    if length > context:
        raise PluginError(
            f"Texts of {length} tokens do not fit into the model's context of {context}.",
            "Shorten the texts or give the model a longer context.",
        )
    used = vocabulary_size(tokenizer)
    if used > model.config.vocab_size:
        raise PluginError(
            f"The tokenizer has {used} tokens, the model {model.config.vocab_size}.",
            "Give the model the tokenizer that it was made for.",
        )
