"""Stories: what is a row, what is held out, what is measured; and each way in which the data can be wrong."""

import dataclasses
import json
import math
import re
import sys

import pytest
import torch

from collapsebench import Corpus, FitConfig, PluginError, Start
from collapsebench.core.errors import DataError, ProtocolError, StoreError
from collapsebench.core.files import CACHE_VARIABLE
from collapsebench.core.seeds import stream
from collapsebench.core.task import TASKS
from collapsebench.data import FOLDER
from collapsebench.learners.lm.model import build_model
from collapsebench.learners.lm.tokenizer import bpe_tokenizer, byte_tokenizer
from collapsebench.loop.cell import Cell
from collapsebench.loop.lineage import Lineage
from collapsebench.loop.plugins import make_method, make_task
from collapsebench.loop.protocol import single_task
from collapsebench.testing import task_results, tiny

SMALL = {
    "source": "custom",
    "population": 40,
    "heldout": 12,
    "context": 80,
    "vocabulary": 300,
    "model": "gpt2 n_embd=16 n_layer=1 n_head=2",
    "samples": 8,
    "cloze": 5,
}
N = 8


def real(seed=0):
    return stream("real", "babistories", seed)


def cell(start="scratch", **params):
    """A cell of this task, as the harness runs it."""
    budget = {"steps": 4, "batch": 4}
    protocol = single_task("babistories", 1, n=N, start=start, params=params, budget=budget)
    return Cell(protocol, make_task("babistories", params), make_method("replace", {}), seed=0)


@pytest.fixture
def small(own, stories):
    """The parameters of a task of 52 little stories."""
    return {**SMALL, **own("file", "stories.jsonl", [{"text": text} for text in stories(52)])}


@pytest.fixture
def prepared(small):
    """`prepared(**params)`: the task as seed 0 sees it."""
    return lambda seed=0, **params: make_task("babistories", {**small, **params}).prepared(N, real(seed))


def test_a_task_is_made_without_data(monkeypatch):
    """Lists, plans and boards know population and checksum; only a cell needs the text."""
    monkeypatch.delenv(FOLDER, raising=False)
    task = make_task("babistories", {})
    assert task.card.population == 3850
    assert task.card.data.startswith("tinystories_lower v1_train_lower.jsonl:3454bf743bb6")
    assert task.card.licence == "CDLA-Sharing-1.0"
    assert all(value is None or isinstance(value, (int, float, str)) for value in task.params().values())
    with pytest.raises(PluginError, match="was not prepared"):
        task.real(4, real())


def test_every_story_is_a_row_and_none_is_held_out(prepared, stories):
    task = prepared()
    rows = task.render(task.real(40, real()))
    heldout = [item["story"] for item in task.questions(task.texts(), task.data.tokenizer).items["babistories_story"]]
    assert len(rows) == 40
    assert len(heldout) == 12
    assert sorted(rows + heldout) == sorted(stories(52))
    tokens, marks = task.real(N, real())["tokens"], task.data.tokenizer
    assert ((tokens == marks.eos_token_id).sum(1) == 1).all()


def test_the_tokenizer_is_trained_on_the_stories_of_generation_zero(prepared):
    """Its merges are those of D_0's text, so that another seed has others."""
    task = prepared()
    expected = bpe_tokenizer(task.render(task.real(N, real())), 300)
    assert task.data.tokenizer.get_vocab() == expected.get_vocab()
    assert prepared(seed=1).data.tokenizer.get_vocab() != expected.get_vocab()
    assert prepared().data is task.data  # asked again, nothing is read again


@pytest.mark.parametrize("tokenizer", ["characters", "words"])
def test_other_tokenizers(prepared, tokenizer):
    task = prepared(tokenizer=tokenizer, context=120)
    assert task.render(task.real(1, real()))[0].startswith("On day")


def test_bits_per_byte_is_what_the_learner_says(prepared):
    """lm-eval's number is the learner's own log-probability of the held-out stories, without their ends."""
    task = prepared(tokenizer="characters", context=120)
    learner = task.learner(stream("init", "babistories", 0))
    first = task.real(N, real())
    learner.fit(first, FitConfig(stream("batches", "babistories", 0), steps=5, batch=4))
    metrics = task.evaluate(learner, Start(first, lambda: learner), stream("evaluate", "babistories", 0))
    held = [document.text for document in task.texts().heldout]
    tokens = task.encoded(held, task.data.tokenizer)
    nll = -learner.sites(Corpus({"tokens": tokens})).log_prob[tokens != task.data.tokenizer.eos_token_id].sum().item()
    assert metrics["bits_per_byte"] == pytest.approx(nll / math.log(2) / sum(map(len, held)), rel=1e-4)
    assert metrics["word_perplexity"] == pytest.approx(math.exp(nll / sum(len(t.split()) for t in held)), rel=1e-3)
    assert metrics.keys() == set(task.card.metrics)


def test_cloze_by_hand():
    """Each item: a story without its last sentence, four endings, and which one is its own."""
    cloze_items = sys.modules[TASKS.get("babistories").__module__].cloze_items
    names = ("Ann", "Ben", "Cleo", "Dan")
    told = [f"{name} ran. {name} fell." for name in names]
    items = cloze_items([*told, "One sentence only."])
    assert [item["story"] for item in items] == [f"{name} ran." for name in names]
    for item, name in zip(items, names, strict=True):
        assert item["endings"][item["right"]] == f" {name} fell."
        assert sorted(item["endings"]) == [f" {other} fell." for other in names]
    assert cloze_items(told) == cloze_items(told)
    with pytest.raises(PluginError, match="too few held-out stories"):
        cloze_items(told[:3])


def test_a_cloze_on_the_last_words_alone():
    cloze_items = sys.modules[TASKS.get("babistories").__module__].cloze_items
    told = [f"{name} ran to the sea. {name} fell." for name in ("Ann", "Ben", "Cleo", "Dan")]
    assert [item["story"] for item in cloze_items(told, 2)] == ["the sea."] * 4


def test_blimp_stands_beside_the_loss_where_it_is_asked(real_data):
    """Eight pairs of each of the 67 phenomena; a model that guesses is right on half of them."""
    task = make_task("babistories", {"blimp": 8, "population": 40, "heldout": 20, "cloze": 5, "samples": 4})
    task = task.prepared(N, real())
    learner = task.learner(stream("init", "babistories", 0))
    metrics = task.evaluate(learner, Start(task.real(N, real()), lambda: learner), stream("evaluate", "babistories", 0))
    assert abs(metrics["blimp"] - 0.5) < 0.1
    assert metrics.keys() == set(task.card.metrics)
    assert task.card.shown[:2] == ("cloze", "blimp")
    assert "blimp" not in make_task("babistories", {}).card.metrics


def test_the_card_says_which_stories_and_which_model():
    """TinyStories is not BabiStories."""
    card = make_task("babistories", {}).card
    assert card.corpus == "TinyStories, lower-cased"
    assert card.about == "children's stories; a gpt2 of 1 layer and width 64"
    tuned = make_task("babistories", {"size": "tuned"}).card
    assert tuned.about.endswith("a llama of 3 layers and width 128, fine-tuned from a base that knows such texts")
    own_file = make_task("babistories", {"source": "custom", "file": "folder/mine.jsonl"}).card
    assert (own_file.corpus, own_file.about[:14]) == ("mine.jsonl (your file)", "your own texts")


def test_the_contract(small, monkeypatch):
    size = {"n": N, "budget": {"steps": 4, "batch": 4}, "params": small}
    monkeypatch.setitem(tiny._SIZES, "babistories", size)
    for result in task_results(TASKS.get("babistories")):
        assert result.passed, f"{result.name}: {result.sentence} {result.detail}"


# -- bad input -----------------------------------------------------------------------------------


def test_without_data_and_network_a_cell_says_what_to_do_and_trains_nothing(monkeypatch):
    monkeypatch.delenv(FOLDER, raising=False)
    for source in ("tinystories_lower", "tinystories"):
        with pytest.raises(DataError, match=f"'{source}' is missing: .*{FOLDER} is not set.* with tinystories/"):
            Lineage(cell(source=source), None)


def test_a_damaged_archive_another_version_and_an_empty_text(put, own, stories):
    path = "tinystories/v1_train_lower.jsonl.xz"
    put(path, stories(3))
    with pytest.raises(DataError, match=r"has the SHA-256 .*, not 3454bf743bb6"):
        Lineage(cell(), None)
    file = put(path, stories(30))
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(DataError, match="is damaged"):
        make_task("babistories", {}).prepared(N, real())  # the file is read anew: nothing was kept of the failure
    empty = own("file", "stories.jsonl", [{"text": "One."}, {"text": " "}])
    with pytest.raises(DataError, match="the text of record 2 is empty"):
        Lineage(cell(**SMALL, **empty), None)


def test_a_story_longer_than_the_context_is_refused_cut_or_left_out(small, own, stories, caplog):
    told = own("file", "stories.jsonl", [{"text": text} for text in [*stories(52), "On and on. " * 30]])
    sizes = {**SMALL, **told, "population": 41, "tokenizer": "characters", "context": 120}
    with pytest.raises(PluginError, match="tokens where the context holds 120"):
        Lineage(cell(**sizes), None)
    rows = make_task("babistories", {**sizes, "overlong": "cut"}).prepared(N, real()).real(41, real())["tokens"]
    assert int((rows != 2).all(1).sum()) <= 1  # at most the long one has no end
    with pytest.raises(DataError, match="52 different texts of at most 200 characters; 41 are wanted"):
        Lineage(cell(**sizes, longest=200), None)
    task = make_task("babistories", {**sizes, "longest": 200, "population": 40}).prepared(N, real())
    assert len(task.real(40, real())) == 40
    assert "1 are too long or second copies" in caplog.text


def test_a_length_of_zero_leaves_no_story_out_whatever_the_size_says(own, stories):
    """Each of these is longer than the 1,000 characters that the size allows."""
    told = own("file", "stories.jsonl", [{"text": f"{text} {'On and on. ' * 100}"} for text in stories(52)])
    sizes = {**SMALL, **told, "population": 40, "cloze": 0, "tokenizer": "characters", "overlong": "cut"}
    assert make_task("babistories", sizes).longest == 1000
    with pytest.raises(DataError, match="0 different texts of at most 1000 characters"):
        make_task("babistories", sizes).prepared(N, real())
    assert len(make_task("babistories", {**sizes, "longest": 0}).prepared(N, real()).real(40, real())) == 40


@pytest.mark.parametrize("none", [None, ""])
def test_what_is_not_given_comes_from_the_named_size(none):
    names = ("source", "population", "longest", "tokenizer", "vocabulary", "context", "model", "lr", "samples")
    asked = make_task("babistories", {"size": "small", **({} if none is None else {"tokenizer": none, "model": none})})
    assert asked == make_task("babistories", {"size": "small", **dict.fromkeys(names)})
    assert (asked.population, asked.longest, asked.tokenizer, asked.lr) == (4400, 1400, "bpe", 0.001)
    assert (asked.file, asked.base, asked.external_prior) == (None, None, None)


def test_held_out_stories_that_are_trained_on_are_left_out_and_counted(own, stories, caplog):
    told = stories(52)
    train, heldout = [{"text": text} for text in told], [{"text": text} for text in [*told[:6], *stories(12, seed=1)]]
    one, other = own("file", "a.jsonl", train), own("heldout_file", "b.jsonl", heldout)
    files = {**one, **other, "sha256": f"{one['sha256']} {other['sha256']}"}
    task = make_task("babistories", {**SMALL, **files, "population": 52, "heldout": 18}).prepared(N, real())
    assert len(task.questions(task.texts(), task.data.tokenizer).items["babistories_story"]) == 12
    assert (
        "6 of 18 held-out texts occur in the training text, whole or for the most part, and were left out"
        in caplog.text
    )


def test_a_tokenizer_without_an_end(small, folder):
    byte_tokenizer().save_pretrained(folder / "tokens")
    file = folder / "tokens" / "tokenizer_config.json"
    settings = json.loads(file.read_text())
    file.write_text(json.dumps({key: value for key, value in settings.items() if key != "eos_token"}))
    with pytest.raises(PluginError, match="has no end-of-text token"):
        Lineage(cell(**{**small, "tokenizer": "tokens"}), None)


@pytest.fixture
def pretrained(folder):
    """A model with a byte tokenizer, as Hugging Face saves it."""
    config = {"model_type": "gpt2", "vocab_size": 259, "n_positions": 128, "n_embd": 16, "n_layer": 1, "n_head": 2}
    build_model(config, stream("init", "base", 0)).save_pretrained(folder / "base")
    byte_tokenizer().save_pretrained(folder / "base")
    return "base"


def test_a_prior_with_another_tokenizer(small, pretrained):
    with pytest.raises(PluginError, match=r"The prior 'base' has another tokenizer than the task"):
        Lineage(cell(**small, external_prior=pretrained), None)


def test_an_external_prior_and_a_pretrained_base(small, pretrained):
    sizes = {**small, "tokenizer": pretrained, "context": 120}
    with_prior = make_task("babistories", {**sizes, "external_prior": pretrained})
    assert "prior" in with_prior.card.supports
    assert "prior" not in make_task("babistories", sizes).card.supports
    task = with_prior.prepared(N, real())
    corpus = task.real(N, real())
    prior = task.prior(stream("prior", "babistories", 0))
    start = make_task("babistories", {**sizes, "tokenizer": None, "base": pretrained}).prepared(N, real())
    learner = start.learner(stream("init", "babistories", 0))
    assert start.pretrained
    assert torch.equal(prior.log_prob(corpus), learner.log_prob(start.real(N, real())))


def test_token_editing_with_an_external_prior(small, pretrained):
    """A whole lineage: the first token and the padding stay, others are drawn anew from the prior."""
    sizes = {**small, "tokenizer": pretrained, "context": 120, "external_prior": pretrained}
    method = make_method("token_edit", {"prior": "external", "threshold": 0.001})
    result = tiny.run_whole(dataclasses.replace(cell(**sizes), method=method))
    assert (result.cell.status, result.cell.reason) == ("done", "")
    assert result.generations[1].log["changed"] > 0


@pytest.fixture
def tuned(own, stories, tmp_path, monkeypatch):
    """The parameters of a task whose recipes take a second, on 72 stories of a user's own."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    told = own("file", "stories.jsonl", [{"text": text} for text in stories(72)])
    recipe = {"recipe": "stories=14 steps=6 batch=2 lr=0.01 further_stories=6 further_steps=3", "longest": 0}
    return {**SMALL, **told, **recipe, "size": "tuned", "context": 60}


def test_every_generation_begins_from_the_base_of_a_recipe(tuned, caplog):
    """The harness makes the base and the model outside the loop; token editing reads the latter."""
    method = make_method("token_edit", {"prior": "external", "threshold": 0.001})
    result = tiny.run_whole(dataclasses.replace(cell(start="pretrained", **tuned), method=method))
    assert (result.cell.status, result.cell.reason) == ("done", "")
    assert result.generations[1].log["changed"] > 0
    assert caplog.text.count("step 6 of 6") == caplog.text.count("step 3 of 3") == 1
    task = make_task("babistories", tuned).prepared(N, real())
    one, other = (task.learner(stream("init", "babistories", seed)).state() for seed in (0, 1))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert any(not torch.equal(value, one[name]) for name, value in task.prior(real()).state().items())


def test_a_base_reads_neither_real_examples_nor_held_out_ones(tuned, own, stories, caplog):
    """Each story stands in the file twice, with other blanks: copies of held-out ones are counted and left out."""
    task = make_task("babistories", tuned)
    spare, used = task.spare(20), task.texts()
    assert len(spare) == 20
    assert not {*spare} & {document.text for document in [*used.train, *used.heldout]}
    twice = [{"text": text.replace(" ", blanks)} for text in stories(72) for blanks in (" ", "  ")]
    task = make_task("babistories", {**tuned, **own("file", "twice.jsonl", twice)})
    spare, held = task.spare(92), [" ".join(document.text.split()) for document in task.texts().heldout]
    assert not {" ".join(text.split()) for text in spare} & {*held}
    assert len(spare) < 92
    assert f"{92 - len(spare)} of 92 texts for the base model are held out" in caplog.text
    with pytest.raises(DataError, match="the recipe wants 99"):
        task.spare(99)


def test_another_recipe_is_another_task(tuned, tmp_path, monkeypatch):
    """The key holds all that the base is made of, and not where it lies."""
    key = cell(start="pretrained", **tuned).task_key
    for other in ({"recipe": tuned["recipe"].replace("steps=6", "steps=7")}, {"context": 61}, {"vocabulary": 301}):
        assert cell(start="pretrained", **{**tuned, **other}).task_key != key
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "elsewhere"))
    assert cell(start="pretrained", **tuned).task_key == key


def test_a_damaged_base_stops_a_cell_before_any_training(tuned, tmp_path):
    make_task("babistories", tuned).prepared(N, real())
    for model in (tmp_path / "cache" / "bases").glob("*/model.safetensors"):
        model.write_bytes(model.read_bytes()[:-4])
    with pytest.raises(StoreError, match=r"base model in .* is damaged"):
        Lineage(cell(start="pretrained", **{**tuned, "samples": 9}), None)


def test_adapters_leave_the_base_alone(small, pretrained):
    pytest.importorskip("peft")
    task = make_task("babistories", {**small, "base": pretrained, "lora": 2, "context": 120}).prepared(N, real())
    names = task.learner(stream("init", "babistories", 0)).state()
    assert names
    assert all("lora" in name for name in names)


def test_a_base_with_a_shorter_context(small, pretrained):
    with pytest.raises(PluginError, match="do not fit into the model's context of 128"):
        Lineage(cell(start="pretrained", **{**small, "base": pretrained, "context": 200}), None)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"source": "tinystory_lower"}, "Unknown source"),
        ({"source": "custom"}, "needs a file"),
        ({"sha256": "abc"}, "'abc' is not NAME:VALUE"),
        ({"model": "gpt2 n_embd"}, "'n_embd' is not NAME=VALUE"),
        ({"heldout": -1}, "heldout=-1"),
        ({"lora": 4}, "adapters to a pretrained base"),
        ({"size": "huge"}, "size='huge'"),
        ({"overlong": "drop"}, "overlong='drop'"),
        ({"size": "tuned", "recipe": "stories=10"}, "recipe has no steps"),
    ],
)
def test_wrong_parameters(wrong, said):
    with pytest.raises((PluginError, ProtocolError), match=re.escape(said)):
        make_task("babistories", wrong)


# -- the real text -------------------------------------------------------------------------------


def test_the_real_stories(real_data):
    """3,850 whole stories, for D_0 of 350 and ten generations of fresh ones; the tokenizer is lossless."""
    task = make_task("babistories", {"samples": 4, "cloze": 4, "heldout": 20}).prepared(350, real())
    rows = task.real(3850, real())
    assert len(torch.unique(rows["tokens"], dim=0)) == 3850
    told = {" ".join(document.text.split()) for document in task.texts().train}
    assert set(task.render(rows)) == told


def test_the_tokenizer_of_gpt2(real_data):
    """A pretrained tokenizer whose end of text is also its beginning, with a padding token of its own."""
    small = {"tokenizer": "tokenizers/gpt2", "model": "gpt2 n_embd=8 n_layer=1 n_head=2", "population": 20}
    task = make_task("babistories", {**small, "samples": 4, "cloze": 4, "heldout": 8}).prepared(N, real())
    assert task.learner(stream("init", "babistories", 0)).model.config.vocab_size == 50_257
    row = task.real(1, real())["tokens"][0]
    assert (row == 50_256).sum() == 1
    assert row[-1] == task.data.tokenizer.pad_token_id == 50_257
