"""What the tasks on real text have in common: data, tokenizer, model and sample statistics."""

from __future__ import annotations

import copy
import inspect
import json
import logging
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import torch
import yaml

from ..core.corpus import Corpus
from ..core.errors import DataError, PluginError
from ..core.learner import Decoding, Learner
from ..core.seeds import generator
from ..core.task import Start, Task
from ..data import CUSTOM, FOLDER, Source, Splits, custom, data_path, find, split

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from ..learners.lm.causal_lm import CausalLM
    from ..scoring.lm_eval.suite import Item, Suite

log = logging.getLogger("collapsebench")

SUPPORTS = frozenset({"sites", "log_prob", "temperature", "top_k", "top_p", "site_weights", "lm_eval"})
"""What every text task offers; one with an external prior also offers `prior`."""

_DEFAULTS: Mapping[str, Mapping[str, object]] = {
    "gpt2": {
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "activation_function": "gelu_pytorch_tanh",  # the default, as one kernel
    }
}
"""Keys of an architecture that a task sets unless its user does."""


class Heldout(NamedTuple):
    """What models are evaluated on.

    Args:
        items: documents by name of the lm-eval task, whose YAML stands in the task's folder.
        counts: sizes of them by name, for units that lm-eval does not have.
    """

    items: Mapping[str, Sequence[Item]]
    counts: Mapping[str, int]


class Prepared(NamedTuple):
    """A task's data as one seed sees them.

    Args:
        tokenizer: what the texts were encoded with.
        rows: every real example, in a fixed order.
        suite: the held-out documents, ready to be scored.
        counts: of them, as in `Heldout`.
    """

    tokenizer: PreTrainedTokenizerFast
    rows: Corpus
    suite: Suite
    counts: Mapping[str, int]


class TextTask(Task):
    """A causal language model on real text. Sizes that are 0 or "" come from the named size.

    Nothing is read before the harness prepares a cell; then everything that can be wrong with the data,
    the tokenizer and the models is found before any training.

    Args:
        size: `tiny` (CPU, minutes), `small` (CPU overnight, GPU minutes) or `published`.
        source: a corpus of `collapsebench.data`, or `custom`.
        file: for `custom`: the file to train on, in the folder of real data or anywhere.
        heldout_file: for `custom`: the file to evaluate on; "" holds out a part of `file`.
        form: for `custom`: how the files are read (jsonl, json, stories, text, parquet).
        sha256: checksums of files that have no published one: "NAME:SHA256 NAME:SHA256".
        population: real examples in all; D_0 and what `fresh_real` hands out are some of them.
        heldout: held-out examples.
        longest: documents of more characters, prompts included, are left out and counted; 0 for none.
        overlong: what to do with a text of more tokens than the context: `refuse` it with an error before
            any training, or `cut` it.
        tokenizer: `bpe` (byte pairs counted in D_0), `characters` (bytes), `words`, or the path of a
            pretrained one; "" with a base is the base's own.
        vocabulary: tokens of `bpe` and `words`.
        context: most tokens of an example, its end included.
        model: architecture and keys of its Hugging Face configuration, e.g. "gpt2 n_embd=64 n_layer=2".
        base: a Hugging Face folder or GGUF file that every generation is fine-tuned from, instead of `model`.
        lora: rank of adapters that are trained instead of the whole base; 0 for none.
        external_prior: a Hugging Face folder or GGUF file of a model outside the loop, with the task's tokenizer.
        lr: peak learning rate.
        samples: texts that sample statistics are computed on.
    """

    size: Literal["tiny", "small", "published"] = "tiny"
    source: str = ""
    file: str = ""
    heldout_file: str = ""
    form: str = "jsonl"
    sha256: str = ""
    population: int = 0
    heldout: int = 0
    longest: int = 0
    overlong: Literal["", "refuse", "cut"] = ""
    tokenizer: str = ""
    vocabulary: int = 0
    context: int = 0
    model: str = ""
    base: str = ""
    lora: int = 0
    external_prior: str = ""
    lr: float = 0.0
    samples: int = 0

    ends: ClassVar[bool] = True
    """Whether texts are closed by the end-of-text token."""

    def __post_init__(self) -> None:
        sizes = _sizes(type(self))
        if self.size not in sizes:
            raise PluginError(f"{self.name}: unknown size '{self.size}'.", f"Choose from: {', '.join(sizes)}.")
        for name, value in sizes[self.size].items():
            if getattr(self, name) in (0, "") and not (self.base and name in ("model", "tokenizer")):
                object.__setattr__(self, name, value)
        self._check()
        source, supports = self.corpus, SUPPORTS | ({"prior"} if self.external_prior else set())
        card = replace(
            type(self).card,
            data=source.digest,
            licence=source.licence,
            population=self.population,
            supports=supports,
        )
        object.__setattr__(self, "card", card)  # data, and so card, are the instance's, not the class's

    def _check(self) -> None:
        for name in ("population", "heldout", "context", "samples"):
            if getattr(self, name) < 1:
                raise PluginError(f"{self.name}: {name} must be at least 1, got {getattr(self, name)}.")
        if not self.lr > 0:
            raise PluginError(f"{self.name}: lr must be positive, got {self.lr}.")
        if self.overlong not in ("refuse", "cut"):
            raise PluginError(f"{self.name}: overlong must be 'refuse' or 'cut', got '{self.overlong}'.")
        if not self.base and not self.model:
            raise PluginError(
                f"{self.name}: size '{self.size}' fine-tunes a pretrained model.",
                "Set base: the path of a Hugging Face folder or GGUF file.",
            )
        if self.lora < 0 or (self.lora and not self.base):
            raise PluginError(f"{self.name}: lora is the rank of adapters to a pretrained base.", "Set base as well.")
        _pairs(self._keys, "=", f"{self.name}: model")

    @property
    def corpus(self) -> Source:
        """Where the text comes from."""
        own = self.source == CUSTOM
        source = custom(self.file, self.heldout_file, self.form) if own else find(self.source)
        return source.with_checksums(_pairs(self.sha256, ":", f"{self.name}: sha256"))

    @property
    def pretrained(self) -> bool:
        """Whether there is a base."""
        return bool(self.base)

    # -- what a kind of text decides -------------------------------------------------------------

    def texts(self) -> Splits:
        """Real and held-out documents."""
        return split(self.corpus, self.longest, self.population, self.heldout)

    def first(self, texts: Splits, chosen: Sequence[int]) -> list[str]:
        """The text of D_0, which a tokenizer is trained on; `chosen` are the places of its documents."""
        return [texts.train[i].whole for i in chosen]

    @abstractmethod
    def rows(self, texts: Splits, tokenizer: PreTrainedTokenizerFast) -> Corpus:
        """Every real example, `population` rows.

        Raises:
            DataError, PluginError: fewer examples, or one longer than the context.
        """

    @abstractmethod
    def questions(self, texts: Splits, tokenizer: PreTrainedTokenizerFast) -> Heldout:
        """The held-out documents."""

    @abstractmethod
    def scores(self, found: Mapping[str, Mapping[str, float]], counts: Mapping[str, int]) -> dict[str, float]:
        """lm-eval's numbers (task -> metric -> value) under the names of the card."""

    def encoded(self, texts: Sequence[str], tokenizer: PreTrainedTokenizerFast) -> torch.Tensor:
        """Token matrix `[n, context]` of texts with their ends; those that are cut have none and are counted.

        Raises:
            PluginError: a text that is empty, longer than the context (unless it may be cut) or cannot be spelt.
        """
        from ..learners.lm.tokenizer import encode

        cut = self.overlong == "cut"
        tokens = encode(tokenizer, texts, self.context, end=self.ends, cut=cut)
        if cut and (
            count := int(((tokens != tokenizer.pad_token_id) & (tokens != tokenizer.eos_token_id)).all(1).sum())
        ):
            log.warning("%s: %d of %d texts are cut to %d tokens.", self.name, count, len(texts), self.context)
        return tokens

    # -- the task's part of the loop -------------------------------------------------------------

    def prepared(self, n: int, rng: torch.Generator) -> Task:
        """Read and check the data, make the tokenizer, encode every real example.

        Raises:
            DataError: missing, damaged or too little data.
            PluginError: an empty or too long text, a tokenizer or prior that does not fit.
        """
        task = copy.copy(self)
        data = _prepare(self, n, rng.get_state().numpy().tobytes(), os.environ.get(FOLDER))
        object.__setattr__(task, "_data", data)
        return task

    @property
    def data(self) -> Prepared:
        """What `prepared` made.

        Raises:
            PluginError: this is a task that was not prepared.
        """
        data: Prepared | None = getattr(self, "_data", None)
        if data is None:
            raise PluginError(f"Task '{self.name}' was not prepared.", "Use the task that prepared(n, rng) gives.")
        return data

    def real(self, n: int, rng: torch.Generator) -> Corpus:
        """`n` of the examples, in an order drawn from `rng`."""
        return self.data.rows.select(torch.randperm(self.population, generator=rng)[:n])

    def learner(self, rng: torch.Generator) -> Learner:
        """The base, or the model at weights drawn from `rng`."""
        from ..learners.lm.model import Lora, build_model, load_pretrained, with_lora

        if not self.base:
            return self._around(build_model(self._config(), rng))
        model = load_pretrained(data_path(self.base))
        return self._around(with_lora(model, Lora(self.lora), rng) if self.lora else model)

    def prior(self, rng: torch.Generator) -> Learner:
        """The external prior; nothing is drawn."""
        from ..learners.lm.model import load_pretrained

        return (
            self._around(load_pretrained(data_path(self.external_prior))) if self.external_prior else super().prior(rng)
        )

    def conditions(self, n: int, rng: torch.Generator, first: Corpus | None = None) -> Corpus | None:
        """The prompts of D_0, in its order and again from the start after the last; without D_0, of random examples."""
        if "prompt_length" not in self.data.rows.names:
            return None
        rows = self.data.rows if first is None else first
        chosen = torch.randint(len(rows), (n,), generator=rng) if first is None else torch.arange(n) % len(rows)
        tokens, given = rows["tokens"][chosen], rows["prompt_length"][chosen]
        outside = torch.arange(tokens.shape[1]) >= given[:, None]
        return Corpus({"tokens": tokens.masked_fill(outside, self.data.tokenizer.pad_token_id), "prompt_length": given})

    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """lm-eval's scores on held-out documents, and statistics of samples drawn from `rng`."""
        from ..learners.lm.causal_lm import CausalLM
        from ..scoring.text import sample_statistics

        assert isinstance(learner, CausalLM)
        draws = generator(int(torch.randint(2**62, (1,), generator=rng)))
        prompts = self.conditions(self.samples, draws, start.corpus)
        samples = learner.sample(self.samples, draws, Decoding(), prompts)
        return {
            **self.scores(self.data.suite.score(learner.model), self.data.counts),
            **sample_statistics(samples, start, self.data.tokenizer.pad_token_id, self._decoded),
        }

    def render(self, corpus: Corpus) -> list[str]:
        """Each text on one line."""
        return [" ".join(text.split()) for text in self._decoded(corpus["tokens"])]

    # -- inside ----------------------------------------------------------------------------------

    def _around(self, model: PreTrainedModel) -> CausalLM:
        from ..learners.gradient import Optimizer
        from ..learners.lm.causal_lm import CausalLM

        return CausalLM(model, self.data.tokenizer, self.context, Optimizer(lr=self.lr, clip=1.0), ends=self.ends)

    @property
    def _keys(self) -> str:
        return self.model.partition(" ")[2]

    def _config(self) -> dict[str, object]:
        from ..learners.lm.tokenizer import vocabulary_size

        tokenizer, architecture = self.data.tokenizer, self.model.partition(" ")[0]
        return {
            "model_type": architecture,
            "vocab_size": vocabulary_size(tokenizer),
            "max_position_embeddings": self.context + 1,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            **_DEFAULTS.get(architecture, {}),
            **{key: _value(value) for key, value in _pairs(self._keys, "=", "model").items()},
        }

    def _tokenizer(self, texts: Splits, chosen: Sequence[int]) -> PreTrainedTokenizerFast:
        from ..learners.lm.tokenizer import bpe_tokenizer, byte_tokenizer, load_tokenizer, word_tokenizer

        if self.tokenizer == "bpe":
            return bpe_tokenizer(self.first(texts, chosen), self.vocabulary)
        if self.tokenizer == "words":
            return word_tokenizer(self.first(texts, chosen), self.vocabulary)
        if self.tokenizer == "characters":
            return byte_tokenizer()
        return load_tokenizer(data_path(self.tokenizer or self.base))

    def _decoded(self, tokens: torch.Tensor) -> list[str]:
        from ..learners.lm.tokenizer import decode

        return decode(self.data.tokenizer, tokens)


@lru_cache
def _sizes(cls: type[TextTask]) -> dict[str, dict[str, object]]:
    """The named sizes of a task: those of the file beside it."""
    text = Path(inspect.getfile(cls)).with_name("sizes.yaml").read_text(encoding="utf-8")
    sizes: dict[str, dict[str, object]] = yaml.safe_load(text)
    return sizes


@lru_cache(maxsize=2)
def _prepare(task: TextTask, n: int, state: bytes, folder: str | None) -> Prepared:
    """As `TextTask.prepared`, for the stream in this state; `folder` is where data are looked for."""
    from ..learners.lm.tokenizer import check_same_tokenizer, load_tokenizer
    from ..scoring.lm_eval.suite import Suite

    texts = task.texts()
    rng = torch.Generator()
    rng.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    chosen = torch.randperm(task.population, generator=rng)[:n].tolist()
    tokenizer = task._tokenizer(texts, chosen)
    if task.external_prior:
        check_same_tokenizer(load_tokenizer(data_path(task.external_prior)), tokenizer, task.external_prior)
    rows = task.rows(texts, tokenizer)
    if len(rows) != task.population:
        raise DataError(
            f"Dataset '{task.source}' gives {len(rows)} examples of {task.context} tokens, not {task.population}.",
            "Set the task's population lower, or its context shorter.",
        )
    items, counts = task.questions(texts, tokenizer)
    return Prepared(
        tokenizer, rows, Suite(Path(inspect.getfile(type(task))).parent / "lm_eval", items, tokenizer), counts
    )


def _pairs(text: str, between: str, what: str) -> dict[str, str]:
    """The mapping that a text like "a=1 b=2" spells.

    Raises:
        PluginError: an entry without the sign between; the message says in what.
    """
    entries = [entry.partition(between) for entry in text.split()]
    if wrong := ["".join(entry) for entry in entries if not (entry[0] and entry[2])]:
        raise PluginError(f"{what}: '{wrong[0]}' is not NAME{between}VALUE.", "Part the entries by blanks.")
    return {name: value for name, _, value in entries}


def _value(text: str) -> object:
    """A number or truth value as JSON spells it, or else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text
