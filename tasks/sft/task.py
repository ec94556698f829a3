"""Instructions and responses: a model answers the prompts and is fine-tuned on its answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from collapsebench import Corpus, DataError, Metric, PluginError, TaskCard, task
from collapsebench.families import TEXT_METRICS, TEXT_SUPPORTS, HeldoutItems, TextTask

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from collapsebench.data import Document, Splits


@task("sft")
class SFT(TextTask):
    """Prompts with responses; a model writes responses to the prompts of D_0, which have no loss themselves.

    The settings are those of every text task.
    """

    card = TaskCard(
        title="Instruction tuning",
        modality="tokens",
        suite="language",
        primary="response_nll",
        unit="nats/token",
        metrics={
            "response_nll": Metric("NLL of held-out responses given their prompts, nats per token (lm-eval)", 0),
            "response_bits_per_byte": Metric("the same NLL in bits per byte of the responses", 0),
            **TEXT_METRICS,
        },
        supports=TEXT_SUPPORTS,
        data="by source",
        shown=("diversity_ratio", "rare_recall"),
    )

    kind = "instructions with their responses"

    def rows(self, texts: Splits, tokenizer: PreTrainedTokenizerFast) -> Corpus:
        return self._pairs(texts.train, tokenizer)

    def questions(self, texts: Splits, tokenizer: PreTrainedTokenizerFast) -> HeldoutItems:
        kept = self._pairs(texts.heldout, tokenizer)
        present = (kept["tokens"] != tokenizer.pad_token_id) & (kept["tokens"] != tokenizer.eos_token_id)
        items = [{"prompt": document.prompt, "response": document.text} for document in texts.heldout]
        counts = {
            "documents": len(items),
            "tokens": int((present.sum(1) - kept["prompt_length"]).sum()),
            "bytes": sum(len(document.text.encode()) for document in texts.heldout),
        }
        return HeldoutItems({"sft_response": items}, counts, kept)

    def scores(self, found: Mapping[str, Mapping[str, float]], counts: Mapping[str, int]) -> dict[str, float]:
        nll = -found["sft_response"]["perplexity"] * counts["documents"]
        return {
            "response_nll": nll / counts["tokens"],
            "response_bits_per_byte": nll / math.log(2) / counts["bytes"],
        }

    def _pairs(self, documents: list[Document], tokenizer: PreTrainedTokenizerFast) -> Corpus:
        if lacking := sum(not document.prompt for document in documents):
            raise DataError(
                f"{lacking} of the texts of '{self.source}' have no prompt.", "Take prompts with responses."
            )
        tokens = self.encoded([document.whole for document in documents], tokenizer)
        prompts = [document.prompt for document in documents]
        encoded = tokenizer(prompts, add_special_tokens=False, split_special_tokens=True, verbose=False)["input_ids"]
        given = torch.tensor([len(row) for row in encoded])
        if filling := int((given >= self.context).sum()):
            raise PluginError(
                f"{filling} prompts of '{self.source}' leave no room for a response in {self.context} tokens.",
                "Take a longer context, or set longest lower.",
            )
        return Corpus({"tokens": tokens, "prompt_length": given})
