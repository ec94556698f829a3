from pathlib import Path

import pytest
import torch

from collapsebench import PluginError
from collapsebench.learners.lm.tokenizer import (
    BOS,
    EOS,
    PAD,
    bpe_tokenizer,
    byte_tokenizer,
    check_same_tokenizer,
    decode,
    encode,
    load_tokenizer,
    marks,
    symbol_tokenizer,
    word_tokenizer,
)

AWKWARD = ["Tom said: “naïve é”\n\n  twice </s>", "<s>\u2028\U0001f600 tab\t", " x"]
"""Quotes, accents, line breaks, spaces that matter, and spellings of special tokens."""


def test_a_character_is_a_token() -> None:
    tokenizer = symbol_tokenizer("ab")
    tokens = encode(tokenizer, ["ab", "b"], length=4)
    assert tokens.tolist() == [[3, 4, EOS, PAD], [4, EOS, PAD, PAD]]
    assert decode(tokenizer, tokens) == ["ab", "b"]


def test_a_word_is_a_token() -> None:
    tokenizer = symbol_tokenizer(["red", "cat"], words=True)
    tokens = encode(tokenizer, ["cat red cat"], length=3, end=False)
    assert tokens.tolist() == [[4, 3, 4]]
    assert decode(tokenizer, tokens) == ["cat red cat"]


def test_the_spelling_of_the_start_is_one_token() -> None:
    assert symbol_tokenizer("ab").encode("<s>ab", add_special_tokens=False) == [BOS, 3, 4]


def test_rare_words_are_unknown() -> None:
    """Five tokens: three special ones, the unknown word, and the most frequent word."""
    tokenizer = word_tokenizer(["a b b", "c <unk>"], most=5)
    tokens = encode(tokenizer, ["b a <unk>"], length=4)
    assert tokens.tolist() == [[4, 3, 3, EOS]]
    assert decode(tokenizer, tokens) == ["b <unk> <unk>"]


@pytest.mark.parametrize("vocabulary", [259, 263, 400])
def test_byte_pairs_spell_any_text_with_as_many_tokens_as_asked(vocabulary: int) -> None:
    tokenizer, again = (bpe_tokenizer(["the cat the hat"] * 5, vocabulary) for _ in range(2))
    assert sorted(tokenizer.get_vocab().values()) == list(range(vocabulary))
    assert tokenizer.get_vocab() == again.get_vocab()
    assert decode(tokenizer, encode(tokenizer, AWKWARD, 80)) == AWKWARD
    the_cat = (encode(tokenizer, ["the cat"], 10, end=False) != PAD).sum()
    assert the_cat == {259: 7, 263: 3, 400: 2}[vocabulary]


def test_bytes_spell_any_text() -> None:
    tokenizer = byte_tokenizer()
    tokens = encode(tokenizer, AWKWARD, 80)
    assert (tokens != PAD).sum(1).tolist() == [len(text.encode()) + 1 for text in AWKWARD]
    assert decode(tokenizer, tokens) == AWKWARD


def test_a_byte_pair_vocabulary_holds_all_bytes() -> None:
    with pytest.raises(PluginError, match="259"):
        bpe_tokenizer(["a"], 258)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "Text 1 is empty"), ("abc", "cannot spell"), ("abab", "5 tokens where the context holds 4")],
)
def test_texts_that_do_not_fit_are_named(text: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        encode(symbol_tokenizer("ab"), ["a", text], length=4)


def test_long_texts_are_cut_where_that_is_asked_for() -> None:
    tokens = encode(symbol_tokenizer("ab"), ["abab", "a"], length=2, cut=True)
    assert torch.equal(tokens, torch.tensor([[3, 4], [3, EOS]]))


# -- pretrained ----------------------------------------------------------------------------------


def test_a_saved_tokenizer_comes_back_with_padding_of_its_own(tmp_path: Path) -> None:
    tokenizer = bpe_tokenizer(["the cat"], 260)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(tmp_path)
    again = load_tokenizer(tmp_path)
    assert marks(again) == (BOS, EOS, 260)
    assert decode(again, encode(again, AWKWARD, 80)) == AWKWARD


def test_texts_start_from_the_end_where_there_is_no_start(tmp_path: Path) -> None:
    tokenizer = byte_tokenizer()
    tokenizer.bos_token = None
    tokenizer.save_pretrained(tmp_path)
    assert marks(load_tokenizer(tmp_path)) == (EOS, EOS, PAD)


def test_a_tokenizer_without_an_end_and_a_folder_without_one_are_refused(tmp_path: Path) -> None:
    for content in (None, "{}", "not JSON"):
        if content is not None:
            (tmp_path / "tokenizer.json").write_text(content)
        with pytest.raises(PluginError, match="no tokenizer in"):
            load_tokenizer(tmp_path)
    tokenizer = byte_tokenizer()
    tokenizer.eos_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(PluginError, match="no end-of-text token") as error:
        load_tokenizer(tmp_path)
    assert "eos_token" in error.value.hint
    with pytest.raises(PluginError, match="no pretrained model at"):
        load_tokenizer(tmp_path / "absent")


def test_a_prior_with_other_tokens_is_refused() -> None:
    check_same_tokenizer(byte_tokenizer(), byte_tokenizer(), "prior")
    with pytest.raises(
        PluginError, match=r"'big' has another tokenizer .* 1 tokens differ, .*'c' \(5 there, absent here"
    ):
        check_same_tokenizer(symbol_tokenizer("abc"), symbol_tokenizer("ab"), "big")
