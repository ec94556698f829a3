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


def test_the_first_teacher_writes_every_generation_itself(curate):
    # M_0 has mean 2, so that its three rows are 101, 102, 103 in generation 3 too, of which no model saw a real row.
    out = curate("first_teacher", n=3, t=3)
    assert out.rows == [101, 102, 103]
    assert out.arrived == [201, 202, 203]  # M_2 has mean 102


def test_take_newest_is_what_arrived_last(curate):
    out = curate("take_newest", n=4, t=2, world="purify")
    assert out.rows == out.arrived
    assert len(out.real) == 2


def test_take_all_is_what_arrived_so_far_and_the_first_real_set(curate):
    out = curate("take_all", n=4, t=2, world="purify")
    assert len(out.rows) == 12
    assert set(out.arrived) <= set(out.rows)
    assert len(out.real) == 4 + 2 + 2


def test_the_oracle_takes_every_real_row_and_no_other_whatever_the_marks_errors(curate):
    worlds = {"purify": {"k": 40, "alpha": 0.25, "missed": 0.5, "false_alarm": 0.5}}
    out = curate("oracle", n=4, t=2, worlds=worlds)
    assert out.rows == out.real
    assert len(out.rows) == 4 + 10 + 10


def test_more_real_has_a_new_real_row_for_each_that_arrived(curate):
    out = curate("more_real", n=4, t=2, worlds={"grow": {"m": 6}})
    assert out.rows == out.real
    assert len(out.rows) == 4 + 6 + 6
    assert out.costs["real_examples"] == 6


def test_a_card_says_of_which_questions_a_method_is_a_reference():
    cards = {name: METHODS.get(name).card.reference for name in METHODS.names()}
    assert {name: questions for name, questions in cards.items() if questions} == {
        "replace": {"preserve"},
        "frozen": {"preserve", "purify", "grow"},
        "fresh_real": {"preserve"},
        "first_teacher": {"preserve"},
        "take_newest": {"purify", "curve"},
        "take_all": {"purify", "grow"},
        "oracle": {"purify"},
        "more_real": {"grow"},
    }
