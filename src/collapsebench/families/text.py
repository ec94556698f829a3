"""What the tasks on real text have in common: data, tokenizer, model and sample statistics."""

from __future__ import annotations

import copy
import inspect
import logging
import math
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

import torch
import yaml
from pydantic import WrapValidator
from typing_extensions import override

from ..core.checked import Count, Natural, Positive
from ..core.corpus import Corpus
from ..core.errors import DataError, PluginError
from ..core.learner import PLAIN, Learner
from ..core.seeds import generator
from ..core.task import Metric, Start, Task
from ..data import CUSTOM, FOLDER, Source, Splits, custom, data_path, find, pairs, spare, split
from ..scoring.text import STATISTICS
from .text_base import RECIPE, Settings, made
from .text_data import HeldoutItems, PreparedText
from .text_model import ModelSource, make_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from ..learners.lm.causal_lm import CausalLM

log = logging.getLogger("collapsebench")

TEXT_SUPPORTS = frozenset({"sites", "log_prob", "temperature", "top_k", "top_p", "site_weights", "lm_eval"})
"""What every text task offers; one with an external prior also offers `prior`."""

CERTAIN = 0.99
"""Probability from which on a model is certain of a token, as token editing has it (arXiv:2412.14689)."""

TEXT_METRICS: dict[str, Metric] = {
    **STATISTICS,
    "certain_sites": Metric(
        f"share of tokens of held-out texts that the model gives a probability of at least {CERTAIN}", 0, 1
    ),
}
"""Metrics that every text task has beside lm-eval's; for its card."""

T = TypeVar("T")

FromSize = Annotated[T, WrapValidator(lambda value, check: value if value is None else check(value))]
"""The type of a parameter that is None until the task's named size gives it."""

_OF_BASES = ("model", "tokenizer", "recipe", "external_prior")
"""What a named size says for its own base alone."""

_SIZES_OF_MODELS = (("n_layer", "num_hidden_layers"), ("n_embd", "hidden_size"))
"""Keys of Hugging Face's configurations: layers and width."""

FROM_SIZE: Any = None
"""The default of such a parameter."""


class TextTask(Task):
    """A causal language model on real text. Parameters that are not given come from the named size.

    Nothing is read before the harness prepares a cell; then everything that can be wrong with the data,
    the tokenizer and the models is found before any training.

    Args:
        size: `tiny` (CPU, minutes), `small` (CPU overnight, GPU minutes), `tuned` (from a recipe's model) or
            `published`; not every task has each.
        source: a corpus of `collapsebench.data`, or `custom`.
        file: for `custom`: the file to train on, in the folder of real data or anywhere.
        heldout_file: for `custom`: the file to evaluate on; None holds out a part of `file`.
        form: for `custom`: how the files are read (jsonl, json, stories, text, parquet).
        sha256: checksums of files that have no published one: "NAME:SHA256 NAME:SHA256".
        population: real examples in all; D_0 and what `fresh_real` hands out are some of them.
        heldout: held-out examples.
        longest: documents of more characters, prompts included, are left out and counted; 0 leaves none out.
        overlong: what to do with a text of more tokens than the context: `refuse` it with an error before
            any training, or `cut` it.
        tokenizer: `bpe` (byte pairs counted in D_0), `characters` (bytes), `words`, or the path of a
            pretrained one; with a base, the base's own unless another is given.
        vocabulary: tokens of `bpe` and `words`.
        context: most tokens of an example, its end included.
        model: architecture and keys of its Hugging Face configuration, e.g. "gpt2 n_embd=64 n_layer=2".
        base: a Hugging Face folder or GGUF file that every generation is fine-tuned from, instead of `model`; or
            `recipe`: one that the harness makes once, of the shape that `model` says.
        recipe: how it is made, of texts that are neither real examples nor held out: "stories=1000 steps=2000 batch=8
            lr=0.004", and with "further_stories=200 further_steps=300" the model outside the loop, which goes on from
            the base with other such texts. Texts are in the base's own byte-pair tokens.
        lora: rank of adapters that are trained instead of the whole base; 0 trains the base.
        external_prior: a Hugging Face folder or GGUF file of a model outside the loop, with the task's tokenizer; or
            `recipe`.
        lr: peak learning rate.
        micro_batch: texts of one forward and backward pass, of each process, so that a step needs less memory; by
            default all of a step.
        activation_checkpointing: whether activations are computed again in the backward pass instead of kept.
        samples: texts that sample statistics are computed on.
    """

    size: Literal["tiny", "small", "tuned", "published"] = "tiny"
    source: FromSize[str] = FROM_SIZE
    file: str | None = None
    heldout_file: str | None = None
    form: str = "jsonl"
    sha256: str | None = None
    population: FromSize[Count] = FROM_SIZE
    heldout: FromSize[Count] = FROM_SIZE
    longest: Natural | None = None
    overlong: FromSize[Literal["refuse", "cut"]] = FROM_SIZE
    tokenizer: str | None = None
    vocabulary: FromSize[Count] = FROM_SIZE
    context: FromSize[Count] = FROM_SIZE
    model: str | None = None
    base: str | None = None
    recipe: str | None = None
    lora: Natural = 0
    external_prior: str | None = None
    lr: FromSize[Positive] = FROM_SIZE
    micro_batch: Natural | None = None
    activation_checkpointing: bool | None = None
    samples: FromSize[Count] = FROM_SIZE

    kind: ClassVar[str] = "texts"
    """What the texts of the known sources are, for the card."""

    ends: ClassVar[bool] = True
    """Whether texts are closed by the end-of-text token."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) == "":  # what a command line gives for none
                object.__setattr__(self, field.name, None)
        sizes = _sizes(type(self))
        if self.size not in sizes:
            raise PluginError(f"{self.name}: there is no size '{self.size}'.", f"Choose from: {', '.join(sizes)}.")
        given = self.base and self.base != RECIPE
        for name, value in sizes[self.size].items():
            if getattr(self, name) is None and not (given and name in _OF_BASES):
                object.__setattr__(self, name, value)
        for name in ("source", "population", "heldout", "overlong", "context", "lr", "samples"):
            if getattr(self, name) is None:
                raise PluginError(
                    f"{self.name}: size '{self.size}' gives no {name}.", "Set it, or add it to sizes.yaml."
                )
        self._model.check(self.name, self.size)
        self._settings  # noqa: B018 (refuses a wrong recipe)
        source, supports = self.corpus, TEXT_SUPPORTS | ({"prior"} if self.external_prior else set())
        card = replace(
            type(self).card,
            data=source.digest,
            licence=source.licence,
            corpus=source.title,
            about=f"{'your own texts' if self.source == CUSTOM else self.kind}; {self._about_model}",
            population=self.population,
            supports=supports,
        )
        object.__setattr__(self, "card", card)  # data, and so card, are the instance's, not the class's

    @property
    def corpus(self) -> Source:
        """Where the text comes from."""
        own = self.source == CUSTOM
        source = custom(self.file or "", self.heldout_file or "", self.form) if own else find(self.source)
        return source.with_checksums(pairs(self.sha256 or "", ":", f"{self.name}: sha256"))

    @property
    @override
    def pretrained(self) -> bool:
        return self.base is not None

    @property
    def _model(self) -> ModelSource:
        return ModelSource(self.model, self.base, self.lora)

    @property
    def _about_model(self) -> str:
        """What the model is, in words."""
        if self.base and self.base != RECIPE:
            return f"{Path(self.base).name}, fine-tuned"
        architecture, _, keys = (self.model or "").partition(" ")
        sizes = pairs(keys, "=", f"{self.name}: model")
        layers, width = (sizes.get(a) or sizes.get(b) for a, b in _SIZES_OF_MODELS)
        size = f" of {layers} layer{'s' if layers != '1' else ''} and width {width}" if layers and width else ""
        return f"a {architecture}{size}{', fine-tuned from a base that knows such texts' if self.base else ''}"

    @property
    def _settings(self) -> Settings | None:
        """How the harness makes the models that this task begins with; None where it makes none."""
        if RECIPE not in (self.base, self.external_prior):
            return None
        return Settings(self.recipe or "", self.name, self.external_prior == RECIPE)

    # -- what a kind of text decides -------------------------------------------------------------

    def texts(self) -> Splits:
        """Real and held-out documents."""
        return split(self.corpus, self.longest or 0, self.population, self.heldout)

    def first(self, texts: Splits, chosen: Sequence[int]) -> list[str]:
        """The text of D_0, which a tokenizer is trained on; `chosen` are the places of its documents."""
        return [texts.train[i].whole for i in chosen]

    def spare(self, wanted: int) -> list[str]:
        """At most so many texts that are neither real examples nor held out, for the models of a recipe."""
        return [d.whole for d in spare(self.corpus, self.longest or 0, self.population, self.heldout, wanted)]

    @abstractmethod
    def rows(self, texts: Splits, tokenizer: PreTrainedTokenizerFast) -> Corpus:
        """Every real example, `population` rows.

        Raises:
            DataError, PluginError: fewer examples, or one longer than the context.
        """

    @abstractmethod
    def questions(self, texts: Splits, tokenizer: PreTrainedTokenizerFast) -> HeldoutItems:
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

    @override
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
    def data(self) -> PreparedText:
        """What `prepared` made.

        Raises:
            PluginError: this is a task that was not prepared.
        """
        data: PreparedText | None = getattr(self, "_data", None)
        if data is None:
            raise PluginError(f"Task '{self.name}' was not prepared.", "Use the task that prepared(n, rng) gives.")
        return data

    @override
    def real(self, n: int, rng: torch.Generator) -> Corpus:
        return self.data.rows.select(torch.randperm(self.population, generator=rng)[:n])

    @override
    def learner(self, rng: torch.Generator) -> Learner:
        source = self._model._replace(base=self.data.base)
        return self._around(source.build(self.data.tokenizer, self.context, rng))

    @override
    def prior(self, rng: torch.Generator) -> Learner:
        from ..learners.lm.model import load_pretrained

        if self.external_prior is None:
            return super().prior(rng)
        return self._around(load_pretrained(data_path(self.data.prior or "")))

    def _around(self, model: PreTrainedModel) -> CausalLM:
        from ..learners.gradient import Optimizer
        from ..learners.lm.causal_lm import CausalLM
        from ..learners.lm.train import Memory

        optimizer = Optimizer(lr=self.lr, clip=1.0)
        memory = Memory(self.micro_batch or 0, bool(self.activation_checkpointing))
        return CausalLM(model, self.data.tokenizer, self.context, optimizer, ends=self.ends, memory=memory)

    @override
    def conditions(self, n: int, rng: torch.Generator, first: Corpus | None = None) -> Corpus | None:
        return self.data.prompts(n, rng, first)

    @override
    def evaluate(self, learner: Learner, start: Start, rng: torch.Generator) -> dict[str, float]:
        """lm-eval's scores on held-out documents, and statistics of samples drawn from `rng`."""
        from ..scoring.text import sample_statistics

        draws = generator(int(torch.randint(2**62, (1,), generator=rng)))
        samples = learner.sample(self.samples, draws, PLAIN, self.conditions(self.samples, draws, start.corpus))
        model, tokenizer = learner.language_model()
        return {
            **self.scores(self.data.suite.score(model), self.data.counts),
            **sample_statistics(samples, start, self.data.variety, tokenizer.pad_token_id, self.data.spelt),
            "certain_sites": certain_share(learner, self.data.compared),
        }

    @override
    def render(self, corpus: Corpus) -> list[str]:
        """Each text on one line."""
        return [" ".join(text.split()) for text in self.data.spelt(corpus["tokens"])]


def certain_share(learner: Learner, texts: Corpus) -> float:
    """Share of the sites of some texts that a model is certain of."""
    log_prob, editable = learner.sites(texts)
    return float((log_prob[editable] >= math.log(CERTAIN)).double().mean())


@lru_cache
def _sizes(cls: type[TextTask]) -> dict[str, dict[str, object]]:
    """The named sizes of a task: those of the file beside it."""
    text = Path(inspect.getfile(cls)).with_name("sizes.yaml").read_text(encoding="utf-8")
    sizes: dict[str, dict[str, object]] = yaml.safe_load(text)
    return sizes


@lru_cache(maxsize=2)
def _prepare(task: TextTask, n: int, state: bytes, folder: str | None) -> PreparedText:
    """As `TextTask.prepared`, for the stream in this state; `folder` is where data are looked for."""
    from ..learners.lm.tokenizer import check_same_tokenizer, load_tokenizer
    from ..scoring.lm_eval.suite import Suite
    from ..scoring.text import variety

    texts = task.texts()
    rng = torch.Generator()
    rng.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))
    chosen = torch.randperm(task.population, generator=rng)[:n].tolist()
    base, prior = _pretrained(task)
    kind = {task.base: base, task.external_prior: prior}.get(RECIPE) or task.tokenizer or base
    tokenizer = make_tokenizer(kind or "", task.vocabulary, lambda: task.first(texts, chosen))
    if prior:
        check_same_tokenizer(load_tokenizer(data_path(prior)), tokenizer, task.external_prior or "")
    rows = task.rows(texts, tokenizer)
    if len(rows) != task.population:
        raise DataError(
            f"Dataset '{task.source}' gives {len(rows)} examples of {task.context} tokens, not {task.population}.",
            "Set the task's population lower, or its context shorter.",
        )
    heldout = task.questions(texts, tokenizer)
    suite = Suite(Path(inspect.getfile(type(task))).parent / "lm_eval", heldout.items, tokenizer)
    compared = heldout.texts.select(torch.arange(min(task.samples, len(heldout.texts))))
    return PreparedText(
        tokenizer, rows, suite, heldout.counts, compared, variety(compared, tokenizer.pad_token_id), base, prior
    )


def _pretrained(task: TextTask) -> tuple[str | None, str | None]:
    """Where the base and the model outside the loop lie; those of a recipe are made first, if they are not there."""
    if (settings := task._settings) is None:
        return task.base, task.external_prior
    base = settings.recipe(task.spare(settings.stories), task.model or "", task.vocabulary, task.context)
    prior = settings.further(base, task.spare(settings.stories)) if task.external_prior == RECIPE else None
    return (
        str(made(base)) if task.base == RECIPE else task.base,
        str(made(prior)) if prior else task.external_prior,
    )
