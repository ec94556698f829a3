"""Tokenizers as Hugging Face objects, and token matrices from texts and back.

A corpus of texts is one int64 column `tokens` `[n, L]`: the tokens of each text, the end-of-text token
where a task's texts differ in length, then padding. The token that a language model starts from is not
stored. An optional second column `prompt_length` `[n]` says how many leading tokens of a row are a prompt.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from ...core.errors import PluginError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS = 0, 1, 2
"""Ids of the special tokens in every tokenizer made here."""

SPECIALS = ("<pad>", "<s>", "</s>")
"""Their spellings; symbol i of a symbol tokenizer has id `len(SPECIALS) + i`."""

UNKNOWN = "<unk>"
"""What a word tokenizer reads and writes for a word outside its vocabulary."""


class Marks(NamedTuple):
    """The tokens around a text.

    bos: what a model starts from; not stored in a corpus.
    eos: what closes a text, or None where all texts have the same length.
    pad: what fills a row; never an input of a model, so it may lie past the model's vocabulary.
    """

    bos: int
    eos: int | None
    pad: int


def marks(tokenizer: PreTrainedTokenizerFast, ends: bool = True) -> Marks:
    """The marks of a tokenizer from this module; `ends` says whether texts are closed."""
    return Marks(tokenizer.bos_token_id, tokenizer.eos_token_id if ends else None, tokenizer.pad_token_id)


# -- tokenizers ----------------------------------------------------------------------------------


def symbol_tokenizer(symbols: Sequence[str], words: bool = False) -> PreTrainedTokenizerFast:
    """A tokenizer with one token per symbol: per character, or per blank-separated word.

    It adds no special tokens by itself; the spelling `<s>` in a text is the one token `BOS`. A word
    that is no symbol reads as `UNKNOWN` if that is one of the symbols.

    Args:
        symbols: the characters or words, distinct.
        words: whether blanks separate the symbols.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {symbol: i for i, symbol in enumerate((*SPECIALS, *symbols))}
    unknown = UNKNOWN if UNKNOWN in vocabulary else SPECIALS[PAD]  # `encode` refuses a text with padding inside
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token=unknown))
    if words:
        backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    else:
        backend.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
        backend.decoder = decoders.Fuse()
    return _wrapped(backend)


def word_tokenizer(texts: Iterable[str], most: int) -> PreTrainedTokenizerFast:
    """One token per blank-separated word: the most frequent words of some texts, `UNKNOWN` for all others.

    Args:
        texts: what words are counted in.
        most: size of the vocabulary, special tokens and `UNKNOWN` included.
    """
    counts = Counter(itertools.chain.from_iterable(text.split() for text in texts))
    ordered = sorted(counts.keys() - {*SPECIALS, UNKNOWN}, key=lambda word: (-counts[word], word))
    return symbol_tokenizer([UNKNOWN, *ordered[: most - len(SPECIALS) - 1]], words=True)


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """One token per byte of UTF-8: 259 tokens that spell any text."""
    return _wrapped(_byte_level([], []))


def bpe_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Byte-level byte-pair encoding trained on some texts; spells any text. Equal texts give equal tokenizers.

    Args:
        texts: what pairs are counted in.
        vocabulary: number of tokens, special ones included. Where the texts have too few pairs, the
            rest are tokens that no text has.

    Raises:
        PluginError: a vocabulary that does not hold all bytes.
    """
    from tokenizers import trainers

    least = len(SPECIALS) + 256
    if vocabulary < least:
        raise PluginError(f"A byte-pair vocabulary needs at least {least} tokens, got {vocabulary}.")
    backend = _byte_level([], [])
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=list(SPECIALS), initial_alphabet=_byte_symbols(), show_progress=False
    )
    backend.train_from_iterator(texts, trainer)
    learnt = json.loads(backend.to_str())["model"]
    missing = vocabulary - len(learnt["vocab"])
    merges = [tuple(merge) for merge in learnt["merges"]]
    symbols = sorted(learnt["vocab"], key=learnt["vocab"].__getitem__)[len(SPECIALS) + 256 :]
    return _wrapped(_byte_level([*symbols, *(f"<unused{i}>" for i in range(missing))], merges))


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerFast:
    """The tokenizer of a Hugging Face folder or of a GGUF file, with a padding token of its own.

    Padding gets a new id past all others unless the tokenizer has one distinct from its end of text.
    Texts start from the end-of-text token where there is no beginning-of-text token.

    Raises:
        PluginError: no such folder or file, no tokenizer in it, or one without an end-of-text token.
    """
    tokenizer = _read_tokenizer(Path(path))
    if tokenizer.eos_token_id is None:
        raise PluginError(
            f"The tokenizer of '{path}' has no end-of-text token.",
            "Set eos_token in its tokenizer_config.json: texts could not end without it.",
        )
    if tokenizer.bos_token_id is None:
        tokenizer.bos_token = tokenizer.eos_token
    if tokenizer.pad_token_id in (None, tokenizer.eos_token_id, tokenizer.bos_token_id):
        tokenizer.add_special_tokens({"pad_token": "<|collapsebench_pad|>"})
    return tokenizer


def _read_tokenizer(path: Path) -> PreTrainedTokenizerFast:
    from transformers import AutoTokenizer, GPT2Tokenizer

    from .model import local_source, reason

    arguments = local_source(path)
    try:
        if (path / "merges.txt").exists() and not (path / "tokenizer.json").exists():
            return GPT2Tokenizer.from_pretrained(path)
        return AutoTokenizer.from_pretrained(**arguments)
    except Exception as error:  # `tokenizers` raises nothing more specific
        raise PluginError(
            f"There is no tokenizer in '{path}': {reason(error)}",
            "Put tokenizer.json and tokenizer_config.json beside the model, as save_pretrained writes them.",
        ) from error


def check_same_tokenizer(prior: PreTrainedTokenizerFast, own: PreTrainedTokenizerFast, name: str) -> None:
    """Refuse a prior whose tokens are not those of the corpus that it shall score.

    Raises:
        PluginError: the message names the prior and the first token that differs.
    """
    theirs, ours = prior.get_vocab(), own.get_vocab()
    pads = {prior.pad_token, own.pad_token}
    differing = {token for token in theirs.keys() | ours.keys() if theirs.get(token) != ours.get(token)} - pads
    if differing:
        first = min(differing)
        raise PluginError(
            f"The prior '{name}' has another tokenizer than the task: {len(differing)} tokens differ, "
            f"for one {first!r} ({theirs.get(first, 'absent')} there, {ours.get(first, 'absent')} here).",
            "Run the task with the prior's own tokenizer.",
        )


def _byte_level(symbols: Sequence[str], merges: list[tuple[str, str]]) -> Any:
    """A byte-level BPE backend: specials, 256 bytes, then `symbols`."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {symbol: i for i, symbol in enumerate((*SPECIALS, *_byte_symbols(), *symbols))}
    backend = Tokenizer(models.BPE(vocabulary, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return backend


def _byte_symbols() -> list[str]:
    from tokenizers import pre_tokenizers

    return sorted(pre_tokenizers.ByteLevel.alphabet())


def _wrapped(backend: Any) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=SPECIALS[PAD],
        bos_token=SPECIALS[BOS],
        eos_token=SPECIALS[EOS],
        clean_up_tokenization_spaces=False,
    )


# -- texts and token matrices --------------------------------------------------------------------


def vocabulary_size(tokenizer: PreTrainedTokenizerFast) -> int:
    """How many tokens a model of the tokenizer's texts has, padding left out where it comes last."""
    last: int = max(i for token, i in tokenizer.get_vocab().items() if token != tokenizer.pad_token)
    return last + 1


def encode(
    tokenizer: PreTrainedTokenizerFast, texts: Sequence[str], length: int, end: bool = True, *, cut: bool = False
) -> torch.Tensor:
    """Token matrix `[n, length]`, int64, right-padded. A spelling of a special token is read as plain text.

    Args:
        tokenizer: has a pad and, if `end`, an end-of-text token.
        texts: n texts.
        length: columns of the matrix.
        end: whether to close each text with the end-of-text token; a text that is cut is not closed.
        cut: whether to cut texts that are longer than `length`.

    Raises:
        PluginError: an empty text, a symbol that the tokenizer lacks, or without `cut` a text too long.
    """
    rows: list[list[int]] = tokenizer(
        list(texts), add_special_tokens=False, split_special_tokens=True, return_attention_mask=False, verbose=False
    )["input_ids"]
    special = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
    closing = [tokenizer.eos_token_id] if end else []
    for i, row in enumerate(rows):
        if not row:
            raise PluginError(f"Text {i} is empty.", "Leave empty texts out of the corpus.")
        if not special.isdisjoint(row):
            raise PluginError(
                f"Text {i} has a symbol that the tokenizer cannot spell: {_shown(texts[i])}.",
                "Use a tokenizer made for these texts.",
            )
        if len(row) + len(closing) > length and not cut:
            raise PluginError(
                f"Text {i} has {len(row) + len(closing)} tokens where the context holds {length}: {_shown(texts[i])}.",
                "Take a longer context, or leave long texts out.",
            )
        rows[i] = (row + closing)[:length]
    lengths = torch.tensor([len(row) for row in rows])
    tokens = torch.full((len(rows), length), tokenizer.pad_token_id, dtype=torch.int64)
    tokens[torch.arange(length) < lengths[:, None]] = torch.tensor(list(itertools.chain.from_iterable(rows)))
    return tokens


def _shown(text: str, most: int = 40) -> str:
    return repr(text if len(text) <= most else text[:most] + "...")


def decode(tokenizer: PreTrainedTokenizerFast, tokens: torch.Tensor) -> list[str]:
    """The text of each row of a token matrix `[n, L]`, special tokens left out."""
    return list(tokenizer.batch_decode(tokens.tolist(), skip_special_tokens=True))
