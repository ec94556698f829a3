from collapsebench.core.method import METHODS


def test_replace_is_the_synthetic_set(curate):
    assert curate("replace", n=3).rows == [101, 102, 103]


def test_frozen_is_the_first_real_set(curate):
    out = curate("frozen", n=3)
    assert out.rows == out.real == [1, 2, 3]
    assert out.costs["real_examples"] == 0


def test_fresh_real_is_n_new_real_rows(curate):
    out = curate("fresh_real", n=3)
    assert len(out.real) == 3
    assert out.costs["real_examples"] == 3


def test_a_card_says_of_which_questions_a_method_is_a_reference():
    cards = {name: METHODS.get(name).card.reference for name in METHODS.names()}
    assert {name: questions for name, questions in cards.items() if questions} == {
        "replace": {"preserve"},
        "frozen": {"preserve", "purify", "grow"},
        "fresh_real": {"preserve"},
        "take_newest": {"purify", "curve"},
    }
