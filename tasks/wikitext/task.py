"""Encyclopaedia articles in blocks: a pretrained language model, fine-tuned in each generation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch

from collapsebench import Corpus, DataError, Metric, Natural, PluginError, TaskCard, task
from collapsebench.families import TEXT_METRICS, TEXT_SUPPORTS, HeldoutItems, TextTask

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from collapsebench.data import Splits


@task("wikitext")
class WikiText(TextTask):
    """Blocks of `context` tokens, cut one after another from the running text; no block has an end.

    A tokenizer that is made here is trained on the whole training text, from which the blocks of D_0 are
    some. Other settings are those of every text task.

    Args:
        prompt: leading tokens of a block that a model is given; it writes the rest, for the prompts of
            D_0's blocks. 0 for whole blocks from nothing.
    """

    prompt: Natural = 0

    card = TaskCard(
        title="WikiText",
        modality="tokens",
        suite="language",
        primary="nll",
        unit="nats/token",
        metrics={
            "nll": Metric("NLL of held-out blocks per token, nats (lm-eval, rolling): log of the perplexity", 0),
            "perplexity": Metric("its exp: perplexity on held-out blocks", 1),
            "bits_per_byte": Metric("the same NLL in bits per byte of text (lm-eval)", 0),
            **TEXT_METRICS,
        },
        supports=TEXT_SUPPORTS,
        data="by source",
        shown=("perplexity", "diversity_ratio", "rare_recall"),
    )

    kind = "blocks of encyclopaedia articles"
    ends = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prompt >= self.context:
            raise PluginError(f"wikitext: prompt must be below context = {self.context}, got {self.prompt}.")
        if self.corpus.heldout is None:
            raise PluginError("wikitext: a running text has no documents to hold out.", "Set heldout_file as well.")

    def texts(self) -> Splits:
        from collapsebench.data import Document, Splits, whole

        train, heldout = whole(self.corpus)
        return Splits([Document(train)], [Document(heldout)])

    def first(self, texts: Splits, chosen: Sequence[int]) -> list[str]:
        return texts.train[0].text.split("\n")

    def rows(self, texts: Splits, tokenizer: PreTrainedTokenizerFast) -> Corpus:
        tokens, _ = blocks(texts.train[0].text, tokenizer, self.context, self.population)
        return self._prompted(tokens)

    def questions(self, texts: Splits, tokenizer: PreTrainedTokenizerFast) -> HeldoutItems:
        tokens, spelt = blocks(texts.heldout[0].text, tokenizer, self.context, self.heldout)
        counts = {"tokens": tokens.numel(), "bytes": sum(len(text.encode()) for text in spelt)}
        return HeldoutItems({"wikitext_block": [{"block": text} for text in spelt]}, counts, self._prompted(tokens))

    def _prompted(self, tokens: torch.Tensor) -> Corpus:
        if not self.prompt:
            return Corpus({"tokens": tokens})
        return Corpus({"tokens": tokens, "prompt_length": torch.full((len(tokens),), self.prompt)})

    def scores(self, found: Mapping[str, Mapping[str, float]], counts: Mapping[str, int]) -> dict[str, float]:
        bits_per_byte = found["wikitext_block"]["bits_per_byte"]
        nll = bits_per_byte * math.log(2) * counts["bytes"] / counts["tokens"]
        return {"nll": nll, "perplexity": math.exp(nll), "bits_per_byte": bits_per_byte}


def blocks(text: str, tokenizer: PreTrainedTokenizerFast, length: int, most: int) -> tuple[torch.Tensor, list[str]]:
    """The first blocks of a running text, int64 `[blocks, length]`, and the text of each.

    Raises:
        DataError: the text has no whole block.
    """
    encoded = tokenizer(
        text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True, verbose=False
    )
    tokens, places = encoded["input_ids"], encoded["offset_mapping"]
    count = min(most, len(tokens) // length)
    if count == 0:
        raise DataError(f"A text has {len(tokens)} tokens, less than one block of {length}.", "Take shorter blocks.")
    spelt = [text[places[i * length][0] : places[(i + 1) * length - 1][1]] for i in range(count)]
    return torch.tensor(tokens[: count * length]).view(count, length), spelt
