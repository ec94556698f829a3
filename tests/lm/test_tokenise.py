import torch

from collapsebench.lm.tokenise import BOS, EOS, PAD, decode, encode, symbol_tokenizer


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


def test_long_texts_are_cut() -> None:
    tokens = encode(symbol_tokenizer("ab"), ["abab"], length=2, cut=True)
    assert torch.equal(tokens, torch.tensor([[3, 4]]))
