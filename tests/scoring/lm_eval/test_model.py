import copy
import random

import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from collapsebench import PluginError
from collapsebench.learners.lm.causal_lm import LMShape
from collapsebench.learners.lm.tokenizer import symbol_tokenizer
from collapsebench.scoring.lm_eval.model import LearnerLM, Limits, Memory, Scored, lay_out
from collapsebench.scoring.lm_eval.suite import Suite

CONTEXT = 8
TOKENIZER = symbol_tokenizer("ab-")


def model(seed=0, architecture="gpt2"):
    shape = LMShape(6, CONTEXT, 16, layers=1, heads=2, architecture=architecture, init=0.5)
    return shape.build(torch.Generator().manual_seed(seed))


def requests(kind, arguments):
    return [Instance(kind, {}, words, 0, metadata=("a_task", i, 1)) for i, words in enumerate(arguments)]


def words(rng, longest):
    return "".join(rng.choice("ab-") for _ in range(rng.randint(1, longest)))


PAIRS = [(f"<s>{words(random.Random(i), 12)}", words(random.Random(-i), CONTEXT)) for i in range(40)]
ONE_TOKEN = [("<s>ab", "a"), ("<s>ab", "b"), ("<s>ab", "-"), ("<s>ab", "a-"), ("<s>a", "ba")]
TEXTS = [(words(random.Random(i), 3 * CONTEXT),) for i in range(20)]


def test_continuations_of_one_context_share_a_row_and_logits_are_kept_from_the_first_answer_on():
    scored = [Scored(0, [1, 3], [4]), Scored(1, [1, 3], [5]), Scored(2, [1], [5, 4])]
    (batch,) = lay_out(scored, CONTEXT, Limits(10, 100, 100))
    assert batch.inputs.tolist() == [[1, 3], [1, 5]]
    assert batch.kept == 2
    columns = (batch.rows, batch.places, batch.targets, batch.requests)
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == [
        (0, 1, 4, 0),
        (0, 1, 5, 1),
        (1, 0, 5, 2),
        (1, 1, 4, 2),
    ]


def test_what_is_longer_than_the_context_is_cut_on_the_left():
    (batch,) = lay_out([Scored(0, [1, 2, 3, 4, 5], [6, 7])], 3, Limits(10, 100, 100))
    assert batch.inputs.tolist() == [[4, 5, 6]]
    assert batch.targets.tolist() == [6, 7]


def test_a_batch_holds_no_more_than_it_may():
    scored = [Scored(i, [1] * (1 + i), [2, 3]) for i in range(6)]  # rows of 2..7 tokens
    sizes = [batch.inputs.shape for batch in lay_out(scored, 9, Limits(rows=4, tokens=14, places=100))]
    assert sizes == [(2, 7), (2, 5), (2, 3)]
    assert [len(b.inputs) for b in lay_out(scored, 9, Limits(rows=4, tokens=999, places=4))] == [1] * 6
    assert [len(b.inputs) for b in lay_out(scored, 9, Limits(rows=4, tokens=999, places=999))] == [4, 2]


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_answers_are_those_of_lm_evals_own_model(architecture):
    network = model(architecture=architecture)
    ours = LearnerLM(network, TOKENIZER, 7, Memory())
    # lm-eval reads the wrong places where requests that share their tokens are split elsewhere, if it shares logits.
    theirs = HFLM(pretrained=network, tokenizer=copy.deepcopy(TOKENIZER), batch_size=7, logits_cache=False)
    pairs = requests("loglikelihood", PAIRS + ONE_TOKEN)
    expected = theirs.loglikelihood(pairs, disable_tqdm=True)
    for (log_prob, greedy), (right, right_greedy) in zip(ours.loglikelihood(pairs), expected, strict=True):
        assert log_prob == pytest.approx(right, abs=1e-4)
        assert greedy == right_greedy
    texts = requests("loglikelihood_rolling", TEXTS)
    whole = theirs.loglikelihood_rolling(texts, disable_tqdm=True)
    assert ours.loglikelihood_rolling(texts) == pytest.approx(whole, abs=1e-4)


def test_every_context_starts_where_training_texts_do():
    lm = LearnerLM(model(), TOKENIZER, 7, Memory())
    bare, marked = requests("loglikelihood", [("ab", "a")]), requests("loglikelihood", [("<s>ab", "a")])
    assert lm.loglikelihood(bare) == lm.loglikelihood(marked)


def test_a_second_model_finds_the_layout_and_gets_its_own_scores():
    memory, pairs = Memory(), requests("loglikelihood", PAIRS)
    first = LearnerLM(model(0), TOKENIZER, 7, memory)
    second = LearnerLM(model(1), TOKENIZER, 7, memory)
    assert first.lay_out(pairs) is second.lay_out(pairs)
    assert first.loglikelihood(pairs) != second.loglikelihood(pairs)
    assert second.loglikelihood(pairs) == LearnerLM(model(1), TOKENIZER, 7, Memory()).loglikelihood(pairs)


def test_an_answer_longer_than_the_context_is_scored_window_by_window():
    lm = LearnerLM(model(), TOKENIZER, 7, Memory())  # it reads nine tokens
    ((log_prob, _),) = lm.loglikelihood(requests("loglikelihood", [("ab", "-ab-ab-ab-ab")]))
    pieces = [("<s>ab", "-ab"), ("<s>ab-ab", "-ab-ab-ab")]
    assert log_prob == pytest.approx(sum(score for score, _ in lm.loglikelihood(requests("loglikelihood", pieces))))


def test_an_answer_without_tokens_is_refused():
    lm = LearnerLM(model(), TOKENIZER, 7, Memory())
    with pytest.raises(PluginError, match="lm-eval has nothing to score: the tokenizer leaves nothing of ''"):
        lm.lay_out(requests("loglikelihood", [("ab", "")]))


def test_padding_past_the_vocabulary_is_never_fed_to_the_model(tmp_path):
    (tmp_path / "t.yaml").write_text(
        "task: t\ntest_split: test\noutput_type: generate_until\ndoc_to_text: prompt\ndoc_to_target: answer\n"
        "generation_kwargs: {until: [], max_gen_toks: 4, do_sample: false}\n"
        "metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]"
    )
    beyond = copy.deepcopy(TOKENIZER)
    beyond.add_special_tokens({"pad_token": "<beyond>"})
    assert beyond.pad_token_id == 6
    documents = [{"prompt": prompt, "answer": "ab"} for prompt in ("a", "ab-", "<s>-")]
    scores = [Suite(tmp_path, {"t": documents}, tokenizer).score(model()) for tokenizer in (TOKENIZER, beyond)]
    assert scores[0] == scores[1]
    assert beyond.pad_token == "<beyond>"
