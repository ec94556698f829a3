"""The data of a text task as one seed sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch

from ..core.corpus import Corpus

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from ..scoring.lm_eval.suite import Item, Suite
    from ..scoring.text import Variety


class HeldoutItems(NamedTuple):
    """What models are evaluated on.

    Args:
        items: test items by name of the lm-eval task, whose YAML stands in the task's folder.
        counts: sizes of them by name, for units that lm-eval does not have.
        texts: them as rows, with which samples are compared.
    """

    items: Mapping[str, Sequence[Item]]
    counts: Mapping[str, int]
    texts: Corpus


class PreparedText(NamedTuple):
    """A task's data as one seed sees them.

    Args:
        tokenizer: what the texts were encoded with.
        rows: every real example, in a fixed order.
        suite: the held-out items, ready to be scored.
        counts: of them, as in `HeldoutItems`.
        compared: as many held-out texts as samples.
        variety: of those.
        base: path of the model that generations begin from, or None.
        prior: path of the model outside the loop, or None.
    """

    tokenizer: PreTrainedTokenizerFast
    rows: Corpus
    suite: Suite
    counts: Mapping[str, int]
    compared: Corpus
    variety: Variety
    base: str | None
    prior: str | None

    def prompts(self, n: int, rng: torch.Generator, first: Corpus | None = None) -> Corpus | None:
        """The prompts of `first`, in its order and again from the start after the last; without it, of random examples.

        None where texts have no prompts.
        """
        if "prompt_length" not in self.rows.names:
            return None
        rows = self.rows if first is None else first
        chosen = torch.randint(len(rows), (n,), generator=rng) if first is None else torch.arange(n) % len(rows)
        tokens, given = rows["tokens"][chosen], rows["prompt_length"][chosen]
        outside = torch.arange(tokens.shape[1]) >= given[:, None]
        return Corpus({"tokens": tokens.masked_fill(outside, self.tokenizer.pad_token_id), "prompt_length": given})

    def spelt(self, tokens: torch.Tensor) -> list[str]:
        """The text of each row of a token matrix `[n, L]`."""
        from ..learners.lm.tokenizer import decode

        return decode(self.tokenizer, tokens)
