"""Small children's stories: a language model from scratch on BabiStories or TinyStories."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from collapsebench import Corpus, Metric, Natural, PluginError, TaskCard, task
from collapsebench.families import TEXT_METRICS, TEXT_SUPPORTS, HeldoutItems, TextTask

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    from collapsebench.data import Splits

OTHERS = 3
"""Wrong endings of a cloze item."""


@task("babistories")
class BabiStories(TextTask):
    """Whole stories, one per row; the sizes and settings are those of every text task.

    A story of more than `longest` characters is left out and counted, so that each row is a whole story
    with its end; of those left, one with more tokens than the context is an error (`overlong: cut` cuts it).

    Args:
        cloze: held-out stories whose last sentence has to be told from those of three others; 0 for none.
        told: words of a story before its last sentence that a model is given, at most; 0 for all.
        blimp: pairs of sentences of each of the 67 phenomena of BLiMP, of which the grammatical one has to be the
            likelier; 0 for none.
    """

    cloze: Natural = 100
    told: Natural = 0
    blimp: Natural = 0

    card = TaskCard(
        title="Children's stories",
        modality="tokens",
        suite="language",
        primary="bits_per_byte",
        unit="bits/byte",
        metrics={
            "bits_per_byte": Metric("NLL of held-out stories, bits per byte of their text (lm-eval, rolling)", 0),
            "word_perplexity": Metric(
                "exp of the NLL per blank-separated word of held-out stories (lm-eval, rolling)", 1
            ),
            "cloze": Metric(
                "share of held-out stories whose own last sentence is the likeliest of four (lm-eval)", 0, 1
            ),
            "blimp": Metric(
                "share of pairs of sentences of which the grammatical one is the likelier: BLiMP (lm-eval)", 0, 1
            ),
            **TEXT_METRICS,
        },
        supports=TEXT_SUPPORTS,
        data="by source",
        shown=("cloze", "diversity_ratio", "rare_recall"),
    )

    kind = "children's stories"

    def __post_init__(self) -> None:
        super().__post_init__()
        asked = {"cloze": self.cloze, "blimp": self.blimp}
        metrics = {name: told for name, told in self.card.metrics.items() if asked.get(name, 1)}
        shown = tuple(name for name in ("cloze", "blimp", *self.card.shown[1:]) if name in metrics)
        object.__setattr__(self, "card", replace(self.card, metrics=metrics, shown=shown))

    def rows(self, texts: Splits, tokenizer: PreTrainedTokenizerFast) -> Corpus:
        return Corpus({"tokens": self.encoded([document.text for document in texts.train], tokenizer)})

    def questions(self, texts: Splits, tokenizer: PreTrainedTokenizerFast) -> HeldoutItems:
        from collapsebench.learners import encode
        from collapsebench.scoring import lm_eval_documents

        stories = [document.text for document in texts.heldout]
        items: dict[str, Sequence[Mapping[str, object]]] = {"babistories_story": [{"story": s} for s in stories]}
        if self.cloze:
            items["babistories_cloze"] = cloze_items(stories, self.told)[: self.cloze]
        if self.blimp:
            items["babistories_blimp"] = lm_eval_documents("blimp", self.blimp)
        return HeldoutItems(items, {}, Corpus({"tokens": encode(tokenizer, stories, self.context, cut=True)}))

    def scores(self, found: Mapping[str, Mapping[str, float]], counts: Mapping[str, int]) -> dict[str, float]:
        story = found["babistories_story"]
        asked = [name for name in ("cloze", "blimp") if name in self.card.metrics]
        return {
            "bits_per_byte": story["bits_per_byte"],
            "word_perplexity": story["word_perplexity"],
            **{name: found[f"babistories_{name}"]["acc"] for name in asked},
        }


def cloze_items(stories: Sequence[str], told: int = 0) -> list[dict[str, object]]:
    """Each story without its last sentence, that sentence among those of three others, and its place.

    The choice of the others and the place are random but always the same. Stories of one sentence are left out.

    Args:
        stories: the stories.
        told: words before the last sentence that stay, at most; 0 for all.

    Raises:
        PluginError: fewer than four different endings.
    """
    parts = [parted for story in stories if (parted := re.fullmatch(r"(.*[.!?][\"'”’]*)(\s.+)", story.strip(), re.S))]
    different = sorted({parted[2] for parted in parts})
    if len(different) <= OTHERS:
        raise PluginError("babistories: too few held-out stories for a cloze.", "Set heldout higher, or cloze: 0.")
    rng = torch.Generator().manual_seed(0)
    items: list[dict[str, object]] = []
    for parted in parts:
        others = [different[i] for i in torch.randperm(len(different), generator=rng)[: OTHERS + 1].tolist()]
        choices = [ending for ending in others if ending != parted[2]][:OTHERS]
        place = int(torch.randint(OTHERS + 1, (1,), generator=rng))
        story = " ".join(parted[1].split(" ")[-told:])
        items.append({"story": story, "endings": [*choices[:place], parted[2], *choices[place:]], "right": place})
    return items
