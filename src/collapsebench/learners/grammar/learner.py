"""A grammar as a learner: the fixed model outside the loop that knows the truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from ...core.corpus import Corpus
from ...core.errors import PluginError
from ...core.learner import Decoding, FitConfig, FitReport, Learner, Sites
from ..lm.tokenizer import EOS, PAD, SPECIALS
from .program import END, Derivation, Grammar, uniforms

assert SPECIALS[EOS] == END


class Lexicon:
    """Words as token ids, numbered as `symbol_tokenizer(words, words=True)` numbers them.

    Args:
        words: the vocabulary, without special tokens.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._spelling = (*SPECIALS, *words)
        self._ids = {word: i for i, word in enumerate(self._spelling)}

    def __len__(self) -> int:
        """Number of token ids, special ones included."""
        return len(self._spelling)

    def ids(self, words: Sequence[str]) -> list[int]:
        """The token id of each word."""
        return [self._ids[word] for word in words]

    def encode(self, texts: Sequence[Sequence[str]], length: int) -> torch.Tensor:
        """Token matrix `[n, length]` of texts given as words, int64, padded on the right.

        Raises:
            PluginError: a text is longer than `length`.
        """
        if texts and (longest := max(map(len, texts))) > length:
            raise PluginError(f"A text has {longest} words where {length} fit.", "Make the context longer.")
        rows = [[*self.ids(words), *[PAD] * (length - len(words))] for words in texts]
        return torch.tensor(rows, dtype=torch.int64).view(len(texts), length)

    def decode(self, tokens: torch.Tensor) -> list[list[str]]:
        """The words of each row of `tokens` `[n, L]`, padding at the end left out."""
        lengths = (torch.arange(1, tokens.shape[1] + 1) * (tokens != PAD)).amax(1).tolist()
        rows = zip(tokens.tolist(), lengths, strict=True)
        return [[self._spelling[token] for token in row[:length]] for row, length in rows]


class GrammarLearner(Learner):
    """The texts of a grammar over one column `tokens` `[n, L]`; its probabilities are exact and nothing is fitted.

    After a word that the grammar gives no chance, nothing is known: such sites have log-probability -inf and
    are not editable.

    Args:
        grammar: the distribution.
        length: columns of `tokens`.
    """

    def __init__(self, grammar: Grammar, length: int) -> None:
        self.grammar, self.length = grammar, length
        self.lexicon = Lexicon(grammar.expectations.vocabulary)

    def fit(self, corpus: Corpus, training: FitConfig) -> FitReport:
        """Refused: the truth is not learnt.

        Raises:
            PluginError: always.
        """
        raise PluginError("A grammar cannot be fitted.", "Use it as a prior.")

    def sample(self, n: int, rng: torch.Generator, decoding: Decoding, conditions: Corpus | None = None) -> Corpus:
        """`n` texts, each word drawn as `decoding` says.

        Raises:
            PluginError: with `conditions`; texts are generated from nothing.
        """
        if conditions is not None:
            raise PluginError("A grammar generates whole texts.", "Leave `conditions` out of the task.")
        numbers = uniforms(rng)
        texts = [self.grammar.draw(numbers, decoding) for _ in range(n)]
        return Corpus({"tokens": self.lexicon.encode(texts, self.length)})

    def log_prob(self, corpus: Corpus) -> torch.Tensor:
        """Log-probability of each text, its end included, nats, float64 `[n]`; -inf where it is not of the grammar."""
        texts = self.lexicon.decode(corpus["tokens"])
        return torch.tensor([self.grammar.log_prob(words) for words in texts], dtype=torch.float64)

    def valid(self, corpus: Corpus) -> torch.Tensor:
        """Which texts are complete texts of the grammar, bool `[n]`."""
        texts = self.lexicon.decode(corpus["tokens"])
        return torch.tensor([self.grammar.derive(words).complete for words in texts], dtype=torch.bool)

    def sites(self, corpus: Corpus) -> Sites:
        """Log-probability of every word given those before it, nats, `[n, L]`; the first word is not editable."""
        log_prob = torch.zeros(corpus["tokens"].shape)
        editable = torch.zeros(log_prob.shape, dtype=torch.bool)
        for row, (words, (nodes, _)) in enumerate(self._derivations(corpus)):
            log_prob[row, : len(words)] = -math.inf
            known = [
                node.branches[word].log_prob for node, word in zip(nodes, words, strict=False) if word in node.branches
            ]
            log_prob[row, : len(known)] = torch.tensor(known)
            editable[row, 1 : len(nodes)] = True
        return Sites(log_prob, editable)

    def resample(self, corpus: Corpus, mask: torch.Tensor, rng: torch.Generator, decoding: Decoding) -> Corpus:
        """Words under `mask` drawn anew given the *original* words before them; unknown sites stay as they are."""
        numbers = uniforms(rng)
        tokens = corpus["tokens"].clone()
        for row, (_, (nodes, _)) in enumerate(self._derivations(corpus)):
            places = mask[row, : len(nodes)].nonzero().squeeze(1)
            drawn = [nodes[place].draw(next(numbers), decoding) for place in places.tolist()]
            tokens[row, places] = torch.tensor(self.lexicon.ids(drawn), dtype=torch.int64)
        return corpus.with_columns(tokens=tokens)

    def tokens(self, corpus: Corpus) -> int:
        """Words that are not padding."""
        return int((corpus["tokens"] != PAD).sum())

    def state(self) -> dict[str, torch.Tensor]:
        """Nothing: a grammar is code."""
        return {}

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Nothing to load.

        Raises:
            PluginError: there is something.
        """
        if state:
            raise PluginError(f"A grammar has no state, got {sorted(state)[:3]}.")

    def _derivations(self, corpus: Corpus) -> list[tuple[list[str], Derivation]]:
        return [(words, self.grammar.derive(words)) for words in self.lexicon.decode(corpus["tokens"])]
