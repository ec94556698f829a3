"""A tiny language model shown generation by generation."""

import json

import pytest
import yaml

from collapsebench.cli.samples import bars

TASK = '''
from dataclasses import dataclass

import torch

from collapsebench import Corpus, Metric, Task, TaskCard, task


@task("letters")
@dataclass(frozen=True)
class Letters(Task):
    """Four letters of a, b, c."""

    card = TaskCard(title="Letters", modality="tokens", primary="none", unit="-", metrics={"none": Metric("nothing")})

    def real(self, n, rng):
        return Corpus({"tokens": torch.randint(3, 6, (n, 4), generator=rng)})

    def learner(self, rng):
        from collapsebench.learners.lm.causal_lm import CausalLM, LMShape
        from collapsebench.learners.lm.tokenizer import symbol_tokenizer
        from collapsebench.learners.gradient import Optimizer

        model = LMShape(vocabulary=6, context=4, width=8, layers=1, heads=1).build(rng)
        return CausalLM(model, symbol_tokenizer("abc"), 4, Optimizer(), ends=False)

    def evaluate(self, learner, start, rng):
        return {"none": 0.0}

    def render(self, corpus):
        return ["".join("?^.abc"[token] for token in row) for row in corpus["tokens"].tolist()]
'''


@pytest.fixture
def shown(cli, tmp_path):
    """What `show --samples` prints of two generations of the task above."""
    (tmp_path / "letters.py").write_text(TASK)
    protocol = {"name": "letters", "version": 1, "description": "Letters.", "generations": 2, "seeds": 1}
    rules = {"n": 12, "budget": {"steps": 3, "batch": 4}, "worlds": {"preserve": {}}}
    (tmp_path / "protocol.yaml").write_text(yaml.safe_dump({**protocol, "tasks": {"letters": rules}}))
    places = ("--store", "store", "--boards", "boards", "--plugin", "letters.py", "--workers", "0")
    cli("run", "--protocol", "protocol.yaml", "--method", "replace", *places)
    return cli("show", "letters/replace/0", "--samples", "--store", "store").out


def test_the_same_prompts_are_continued_by_the_model_of_every_generation(shown):
    *_, first, second, third = shown.strip().split("\n\n")
    for section in (first, second, third):
        prompt, *continued = section.splitlines()
        assert len(prompt) == 2 + len(" ...") and set(prompt[:2]) <= set("abc")
        assert [line.split()[0] for line in continued] == ["t=0", "t=1", "t=2"]
        assert all(len(line.split()[1]) == 2 and set(line.split()[1]) <= set("abc.?") for line in continued)


def test_every_generation_has_its_histogram_under_the_first_model(shown):
    lines = [line for line in shown.splitlines() if "NLL under M_0" in line]
    assert [line.split(":")[0].split()[-1] for line in lines] == ["D_0", "S_1", "S_2"]
    assert all(line.endswith("nats/token") and len(line.split("|")[1]) == 32 for line in lines)


def test_the_run_left_the_texts_of_every_entry_beside_its_board(shown, tmp_path):
    folder = tmp_path / "boards" / "letters"
    sheet = json.loads((folder / "samples" / "letters-preserve-replace.json").read_text(encoding="utf-8"))
    assert [len(texts) for texts in sheet["generations"]] == [6, 6, 6]
    assert all(len(text) == 4 and set(text) <= set("abc.?") for texts in sheet["generations"] for text in texts)
    page = (folder / "preserve-own.md").read_text(encoding="utf-8")
    assert " · ".join(sheet["generations"][2]) in page


def test_bars_by_hand():
    assert bars([0, 1, 4, 8]) == " ▁▄█"
    assert bars([3, 0, 1]) == "█ ▃"
