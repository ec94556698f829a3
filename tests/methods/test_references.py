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


def test_only_these_three_are_references():
    references = {name for name in METHODS.names() if METHODS.get(name).card.reference}
    assert references == {"replace", "frozen", "fresh_real"}
