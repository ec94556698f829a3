"""The sets on disk put every item to the model in the words of lm-eval's own tasks."""

from importlib import resources

import pytest
from datasets import Dataset
from lm_eval.tasks import TaskManager

from collapsebench.core.errors import DataError, UsageError
from collapsebench.learners.lm.tokenizer import byte_tokenizer
from collapsebench.scoring.lm_eval.sets import SETS, YAML_FOLDER, at_hand, lm_eval_documents
from collapsebench.scoring.lm_eval.suite import Suite

ITEMS = {
    "piqa": (
        "piqa",
        {"query": "Question: Dry a plate.\n", "choices": ["Use a towel.", "Use a lamp."], "gold": 0},
        {"goal": "Dry a plate.", "sol1": "Use a towel.", "sol2": "Use a lamp.", "label": 0},
    ),
    "arc_easy": (
        "arc",
        {"query": "Question: What is red?", "choices": ["snow", "blood"], "gold": 1},
        {"question": "What is red?", "choices": {"text": ["snow", "blood"], "label": ["A", "B"]}, "answerKey": "B"},
    ),
    "openbookqa": (
        "openbookqa",
        {"query": "Snow is", "choices": ["white", "red"], "gold": 0},
        {"question_stem": "Snow is", "choices": {"text": ["white", "red"], "label": ["A", "B"]}, "answerKey": "A"},
    ),
    "boolq": (
        "super_glue/boolq",
        {"query": "Passage: Snow is white.\nQuestion: is snow white?", "choices": ["no", "yes"], "gold": 1},
        {"passage": "Snow is white.", "question": "is snow white", "label": 1},
    ),
    "copa": (
        "super_glue/copa",
        {"query": "It snowed, because", "choices": ["it was cold.", "it was hot."], "gold": 0},
        {
            "premise": "It snowed.",
            "choice1": "It was cold.",
            "choice2": "It was hot.",
            "question": "cause",
            "label": 0,
        },
    ),
    "hellaswag": (
        "hellaswag",
        {
            "activity_label": "Skiing",
            "ctx_a": "A man skis.",
            "ctx_b": "he",
            "endings": ["falls [step]  down.", "flies. [title] Up"],
            "label": 0,
        },
        {
            "activity_label": "Skiing",
            "ctx_a": "A man skis.",
            "ctx_b": "he",
            "endings": ["falls [step]  down.", "flies. [title] Up"],
            "label": "0",
        },
    ),
    "winogrande": (
        "winogrande",
        {"context_options": ["Ann fed Bob, as Ann", "Ann fed Bob, as Bob"], "continuation": "was hungry.", "gold": 1},
        {"sentence": "Ann fed Bob, as _ was hungry.", "option1": "Ann", "option2": "Bob", "answer": "2"},
    ),
    "lambada_openai": (
        "lambada",
        {"context": "To be or not to", "continuation": "be"},
        {"text": "To be or not to be"},
    ),
    "social_iqa": (
        "siqa",
        {
            "query": "Context: Ann fell.\nQuestion: How is Ann?\nChoices:\nA. hurt\nB. glad\nAnswer:",
            "choices": ["A", "B"],
            "gold": 0,
        },
        {"context": "Ann fell.", "question": "How is Ann?", "answerA": "hurt", "answerB": "glad", "label": "1"},
    ),
    "blimp_adjunct_island": (
        "blimp",
        {"sentence_good": "Who fell?", "sentence_bad": "Fell who?"},
        {"sentence_good": "Who fell?", "sentence_bad": "Fell who?"},
    ),
}
"""lm-eval's name -> its folder, an item as our file has it, and the item as lm-eval's data set has it."""


def lm_evals_own(folder, name, item):
    manager = TaskManager(include_path=str(resources.files("lm_eval") / "tasks" / folder), include_defaults=False)
    dataset = dict.fromkeys(("train", "validation", "test"), Dataset.from_list([item]))
    member = {"task": name, "custom_dataset": lambda **_: dataset}
    if name == "social_iqa":  # our file has two of the three answers
        member |= {"doc_to_choice": "{{[answerA, answerB]}}"}
    task = manager.load([{"group": "one", "task": [member]}])["tasks"][name]
    task.build_all_requests()
    return [request.args for request in task.instances], task


@pytest.mark.parametrize("name", ITEMS)
def test_an_item_is_asked_as_lm_eval_asks_it(name):
    folder, ours, theirs = ITEMS[name]
    known = name.split("_adjunct")[0]
    suite = Suite(YAML_FOLDER, {f"local_{known}": [SETS[known].read(ours)]}, byte_tokenizer())
    (task,) = suite.loaded["tasks"].values()
    expected, original = lm_evals_own(folder, name, theirs)
    assert [request.args for request in task.instances] == expected
    answers = [(-1.0, False), (-2.0, False)][: len(expected)]
    item = task.instances[0].doc
    right = original.process_results(original.eval_docs[0], answers)
    found = task.process_results(item, answers)
    assert {metric: float(value) for metric, value in found.items()} == pytest.approx(
        {metric: float(value) for metric, value in right.items()}
    )


def test_every_set_has_a_task():
    assert {path.stem for path in YAML_FOLDER.glob("*.yaml")} == set(SETS)


def test_a_file_of_another_version_is_refused(folder):
    (folder / "lm_eval_sets").mkdir()
    (folder / "lm_eval_sets" / "copa.jsonl").write_text('{"query": "Why, because", "choices": ["a", "b"], "gold": 0}\n')
    assert at_hand("copa")
    assert not at_hand("piqa")
    with pytest.raises(DataError, match=r"Dataset 'copa': 'copa\.jsonl' has the SHA-256"):
        lm_eval_documents("copa")


@pytest.mark.parametrize(
    ("name", "count"),
    {"piqa": 1838, "hellaswag": 1000, "social_iqa": 1954, "winogrande": 1267, "boolq": 3270, "openbookqa": 500}.items(),
)
def test_whole_sets(real_data, name, count):
    assert len(lm_eval_documents(name)) == count


def test_a_subset_is_the_same_every_time_and_blimp_has_as_much_of_each_phenomenon(real_data):
    assert lm_eval_documents("copa", 5) == lm_eval_documents("copa", 5)
    assert len(lm_eval_documents("copa", 5)) == 5
    every, one = lm_eval_documents("blimp", 3), lm_eval_documents("blimp_wh_island", 3)
    assert len(every) == 67 * 3
    assert [pair for pair in every if pair in one] == one
    with pytest.raises(UsageError, match="Unknown lm-eval task 'blimp_wh_isle'"):
        lm_eval_documents("blimp_wh_isle")
