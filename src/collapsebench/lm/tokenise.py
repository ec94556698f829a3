"""Tokenisers as Hugging Face objects, and token matrices from texts and back.

A corpus of texts is one int64 column `tokens` `[n, L]`: the tokens of each text, `EOS` where a task's
texts differ in length, then `PAD`. The `BOS` that a language model starts from is not stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS = 0, 1, 2
"""Ids of the special tokens in every tokeniser made here."""

SPECIALS = ("<pad>", "<s>", "</s>")
"""Their spellings; symbol i of a symbol tokeniser has id `len(SPECIALS) + i`."""


def symbol_tokenizer(symbols: Sequence[str], words: bool = False) -> PreTrainedTokenizerFast:
    """A tokeniser with one token per symbol: per character, or per blank-separated word.

    It adds no special tokens by itself; the spelling `<s>` in a text is the one token `BOS`.

    Args:
        symbols: the characters or words, distinct.
        words: whether blanks separate the symbols.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {symbol: i for i, symbol in enumerate((*SPECIALS, *symbols))}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIALS[PAD]))
    if words:
        backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    else:
        backend.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
        backend.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=SPECIALS[PAD], bos_token=SPECIALS[BOS], eos_token=SPECIALS[EOS]
    )


def encode(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], length: int, end: bool = True) -> torch.Tensor:
    """Token matrix `[n, length]`, int64, right-padded; longer texts are cut.

    Args:
        tokenizer: has a pad and, if `end`, an end-of-text token.
        texts: n texts.
        length: columns of the matrix.
        end: whether to close each text with the end-of-text token.
    """
    rows = [row[:length] for row in tokenizer(list(texts), add_special_tokens=False)["input_ids"]]
    closing = [tokenizer.eos_token_id] if end else []
    tokens = torch.full((len(rows), length), tokenizer.pad_token_id, dtype=torch.int64)
    for i, row in enumerate(rows):
        closed = (row + closing)[:length]
        tokens[i, : len(closed)] = torch.tensor(closed)
    return tokens


def decode(tokenizer: PreTrainedTokenizerFast, tokens: torch.Tensor) -> list[str]:
    """The text of each row of a token matrix `[n, L]`, special tokens left out."""
    return list(tokenizer.batch_decode(tokens.tolist(), skip_special_tokens=True))
