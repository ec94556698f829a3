"""A causal language model from a Hugging Face configuration, as a learner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ..corpus import Corpus
from ..errors import PluginError
from ..learner import Decoding, FitReport, Learner, Sites, Training
from ..lm.sample import generate, resample
from ..lm.score import log_probs
from ..lm.tokenise import BOS, EOS, PAD
from ..lm.train import Optimiser, train

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True)
class LMShape:
    """The size of a decoder-only transformer.

    Args:
        vocabulary: number of tokens, special ones included.
        context: longest text in tokens, `BOS` not counted.
        width: hidden size.
        layers: number of blocks.
        heads: attention heads.
        architecture: `gpt2` or `llama`.
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
        from transformers import AutoModelForCausalLM

        seed = int(torch.randint(2**62, (1,), generator=rng))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return AutoModelForCausalLM.from_config(self._config(), attn_implementation="sdpa").eval()

    def _config(self) -> object:
        from transformers import GPT2Config, LlamaConfig

        shared = {
            "vocab_size": self.vocabulary,
            "initializer_range": self.init,
            "tie_word_embeddings": self.tied,
            "pad_token_id": None,  # with one, every forward pass searches its input for padding
            "bos_token_id": BOS,
            "eos_token_id": EOS,
        }
        if self.architecture == "gpt2":
            return GPT2Config(
                n_positions=self.context + 1,
                n_embd=self.width,
                n_layer=self.layers,
                n_head=self.heads,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                activation_function="gelu_pytorch_tanh",  # the default, as one kernel
                **shared,
            )
        if self.architecture == "llama":
            return LlamaConfig(
                max_position_embeddings=self.context + 1,
                hidden_size=self.width,
                intermediate_size=8 * self.width // 3,
                num_hidden_layers=self.layers,
                num_attention_heads=self.heads,
                **shared,
            )
        raise PluginError(f"Unknown architecture '{self.architecture}'.", "Choose gpt2 or llama.")


class CausalLM(Learner):
    """Any Hugging Face causal language model over one column `tokens` `[n, L]`, int64.

    Rows hold the tokens of a text without `BOS`, right-padded. Rows with weights are drawn in
    proportion to them; a method's `site_weights` multiply the loss of each token.

    Args:
        model: at its initial (or pretrained) weights; this object owns it.
        length: tokens of a text, the number of columns that `sample` gives.
        optimiser: training settings.
        ends: whether texts end with the end-of-text token (False when all have exactly `length` tokens).
        bos: the token that the model starts from.
        eos: the end-of-text token.
        pad: the padding token.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        length: int,
        optimiser: Optimiser,
        *,
        ends: bool = True,
        bos: int = BOS,
        eos: int = EOS,
        pad: int = PAD,
    ) -> None:
        self.model = model
        self.length = length
        self._optimiser, self._bos, self._pad = optimiser, bos, pad
        self._eos = eos if ends else None

    def fit(self, corpus: Corpus, training: Training) -> FitReport:
        """Train for the steps that `training` says.

        Raises:
            Diverged: the loss is not finite.
        """
        return FitReport(*train(self.model, corpus, training, self._optimiser, bos=self._bos, pad=self._pad))

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """`n` texts from the model, one column `tokens` `[n, length]`.

        Raises:
            PluginError: with `conditions`; texts are generated from nothing.
        """
        if conditions is not None:
            raise PluginError("CausalLM generates whole texts.", "Leave `conditions` out of the task.")
        tokens = generate(self.model, n, self.length, rng, decoding, bos=self._bos, eos=self._eos, pad=self._pad)
        return Corpus({"tokens": tokens})

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log-probability of each text, its end-of-text token included, nats, float `[n]`."""
        return self._log_probs(corpus).sum(1)

    def sites(self, corpus: Corpus) -> Sites:
        """Log-probability of every token given those before it, nats, `[n, L]`; the first token is not editable."""
        editable = corpus["tokens"] != self._pad
        editable[:, 0] = False
        return Sites(self._log_probs(corpus), editable)

    def resample(
        self,
        corpus: Corpus,
        mask: torch.Tensor,
        rng: torch.Generator,
        top_k: int | None = None,
        temperature: float = 1.0,
    ) -> Corpus:
        """Tokens under `mask` drawn anew given the *original* tokens before them (Zhu et al., arXiv:2412.14689)."""
        decoding = Decoding(temperature=temperature, top_k=top_k)
        tokens = resample(self.model, corpus["tokens"], mask, rng, decoding, bos=self._bos, pad=self._pad)
        return corpus.with_columns(tokens=tokens)

    def tokens(self, corpus: Corpus) -> int:
        """Tokens that are not padding."""
        return int((corpus["tokens"] != self._pad).sum())

    def state(self) -> dict[str, torch.Tensor]:
        """The model's parameters by name; a tied matrix once."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self.model.named_parameters()}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """The inverse of `state`."""
        parameters = dict(self.model.named_parameters())
        if parameters.keys() != state.keys():
            raise PluginError(f"The saved model differs in {sorted(parameters.keys() ^ state.keys())[:3]}.")
        with torch.no_grad():
            for name, tensor in state.items():
                parameters[name].copy_(tensor)

    def _log_probs(self, corpus: Corpus) -> torch.Tensor:
        return log_probs(self.model, corpus["tokens"], self._bos, self._pad)
