"""Held-out text that stands in the training text."""

from collapsebench.data import Contamination, check_contamination


def test_a_copy_and_a_shared_run_of_words_by_hand():
    """15 words have three 13-grams; the training text holds the first of them."""
    words = [f"w{i}" for i in range(15)]
    shared = " ".join(words[:13]) + " and more"
    heldout = ["A copy of\na story.", " ".join(words), "Short."]
    kept, found = check_contamination(["a  copy of a story.", shared], heldout)
    assert kept == [1, 2]
    assert found == Contamination(documents=3, duplicates=1, ngrams=4, shared=1)
    assert str(found) == (
        "1 of 3 held-out texts occur in the training text, whole or for the most part, and were left out; "
        "25.00% of the others' 13-grams occur there"
    )


def test_nothing_in_common():
    kept, found = check_contamination(["one two three"], ["four five six"])
    assert kept == [0]
    assert (found.duplicates, found.shared) == (0, 0)


def test_what_a_left_out_copy_shares_with_the_rest_counts():
    """The copy stands in the training text, so its 13-grams do too."""
    text = " ".join(f"w{i}" for i in range(13))
    kept, found = check_contamination([text], [text, text + " more"])
    assert kept == [1]
    assert (found.ngrams, found.shared) == (2, 1)


def test_a_text_that_shares_most_of_its_runs_is_a_copy():
    """Of the 8 13-grams of 20 words, five stand in the training text, then four."""
    words = [f"w{i}" for i in range(20)]
    kept, found = check_contamination([" ".join(words[:17]) + " other end"], [" ".join(words)])
    assert (kept, found.duplicates) == ([], 1)
    kept, found = check_contamination([" ".join(words[:16]) + " other end"], [" ".join(words)])
    assert (kept, found.duplicates, found.shared) == ([0], 0, 4)
