import math

import pytest
import torch

from collapsebench import Corpus, PluginError
from collapsebench.core.block import EDITED, REAL
from collapsebench.core.corpus import blocks_of, of_origin, real_share
from collapsebench.core.seeds import generator


def numbers(*values, weights=None):
    return Corpus({"x": torch.tensor(values, dtype=torch.float64)}, weights)


def test_a_corpus_is_a_table_of_equally_long_columns():
    corpus = Corpus({"x": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "y": torch.tensor([0, 1])})

    assert len(corpus) == 2
    assert corpus.names == ("x", "y") == tuple(corpus)
    assert corpus["y"].tolist() == [0, 1]
    assert corpus.weights is None
    assert corpus.row_bytes == 2 * 4 + 8
    assert repr(corpus) == "Corpus(2 rows: x[2], y[])"


@pytest.mark.parametrize(
    ("columns", "weights"),
    [
        ({}, None),
        ({"x": torch.zeros(2), "y": torch.zeros(3)}, None),
        ({"x": torch.zeros(2)}, torch.ones(3)),
    ],
)
def test_columns_of_different_lengths_are_refused(columns, weights):
    with pytest.raises(PluginError, match="columns of one length"):
        Corpus(columns, weights)


def test_select_takes_an_index_with_repeats_or_a_mask():
    corpus = numbers(10, 20, 30, weights=torch.tensor([1.0, 2.0, 3.0]))

    assert corpus.select(torch.tensor([2, 0, 2]))["x"].tolist() == [30, 10, 30]
    kept = corpus.select(torch.tensor([False, True, True]))
    assert kept["x"].tolist() == [20, 30]
    assert kept.weights.tolist() == [2, 3]


def test_concat_keeps_order_and_gives_weightless_rows_weight_one():
    joined = Corpus.concat([numbers(1), numbers(2, 3, weights=torch.tensor([0.5, 0.0]))])

    assert joined["x"].tolist() == [1, 2, 3]
    assert joined.weights.tolist() == [1, 0.5, 0]


def test_concat_copies_nothing_until_rows_are_read():
    first = numbers(1, 2)
    assert blocks_of(Corpus.concat([first, numbers(3)]))[0] is blocks_of(first)[0]


@pytest.mark.parametrize("other", [[], [numbers(1), Corpus({"y": torch.zeros(1)})], [numbers(1), numbers()]])
def test_only_corpora_of_one_schema_can_be_concatenated(other):
    if len(other) == 2 and other[0].schema == other[1].schema:
        assert len(Corpus.concat(other)) == 1  # an empty corpus of the same schema is no obstacle
        return
    with pytest.raises(PluginError, match="Cannot concatenate"):
        Corpus.concat(other)


def test_shuffling_permutes_rows_and_depends_on_the_seed_only():
    corpus = numbers(*range(50))

    once, again, other = corpus.shuffled(1)["x"], corpus.shuffled(1)["x"], corpus.shuffled(2)["x"]

    assert once.equal(again)
    assert not once.equal(other)
    assert once.sort().values.equal(corpus["x"])


def test_a_shuffled_corpus_keeps_its_order_inside_a_concatenation():
    shuffled = numbers(*range(20)).shuffled(3)
    assert Corpus.concat([shuffled, numbers(99)])["x"].tolist() == [*shuffled["x"].tolist(), 99]


def test_selecting_from_a_shuffled_corpus_is_the_same_before_and_after_it_is_read():
    rows = torch.tensor([5, 0, 7])
    lazy = numbers(*range(20)).shuffled(3)
    read = numbers(*range(20)).shuffled(3)
    assert len(read["x"]) == 20

    assert lazy.select(rows)["x"].equal(read.select(rows)["x"])


def test_sampling_without_replacement_never_repeats_a_row():
    corpus = numbers(*range(30))
    drawn = corpus.sample(30, generator(0))["x"]
    assert drawn.sort().values.equal(corpus["x"])
    assert corpus.sample(10, generator(0))["x"].equal(drawn[:10])


def test_sampling_more_rows_than_there_are_needs_replacement():
    with pytest.raises(PluginError, match="Cannot draw 3 of 2 rows"):
        numbers(1, 2).sample(3, generator(0))
    assert len(numbers(1, 2).sample(3, generator(0), replacement=True)) == 3


def test_real_share_counts_unchanged_real_rows():
    real, made = of_origin(numbers(1, 2, 3), REAL), of_origin(numbers(4), 1)
    mixed = Corpus.concat([real, made])

    assert real_share(mixed) == 0.75
    assert real_share(mixed.shuffled(0)) == 0.75
    assert real_share(mixed.with_weights(torch.tensor([1.0, 0, 0, 1.0]))) == 0.5


def test_an_edited_row_stops_counting_as_real_and_an_untouched_one_does_not():
    real = of_origin(numbers(1, 2), REAL)
    edited = real.with_columns(x=torch.tensor([1.0, 5.0], dtype=torch.float64))

    assert real_share(edited) == 0.5
    assert edited.table.labels.tolist() == [REAL, EDITED]


def test_rows_that_nobody_labelled_are_not_real():
    assert real_share(numbers(1)) == 0


def test_weights_need_one_entry_per_row():
    with pytest.raises(PluginError, match=r"shape \(2,\), got \(3,\)"):
        numbers(1, 2).with_weights(torch.ones(3))
    assert numbers(1, weights=torch.ones(1)).with_weights(None).weighted is False


def test_added_since_finds_the_new_blocks_of_an_extension():
    first, second, third = numbers(1), numbers(2), numbers(3)
    two = Corpus.concat([first, second])
    three = Corpus.concat([first, second, third]).shuffled(0)

    assert three.added_since(two)["x"].tolist() == [3]
    assert two.added_since(two) is None
    assert Corpus.concat([second, first, third]).added_since(two) is None


def test_tensors_round_trip():
    corpus = Corpus.concat([of_origin(numbers(1), REAL), of_origin(numbers(2, weights=torch.tensor([0.5])), 2)])

    back = Corpus.from_tensors(corpus.to_tensors())

    assert back["x"].tolist() == [1, 2]
    assert back.weights.tolist() == [1, 0.5]
    assert back.table.labels.tolist() == [REAL, 2]
    assert back.digest() == corpus.digest()


def test_the_digest_changes_with_values_types_weights_and_origins():
    base = numbers(1, 2)
    others = [
        numbers(1, 3),
        Corpus({"x": torch.tensor([1.0, 2.0])}),
        Corpus({"y": base["x"]}),
        base.with_weights(torch.ones(2)),
        of_origin(base, REAL),
    ]
    assert len({corpus.digest() for corpus in (base, *others)}) == 6
    assert numbers(1, 2).digest() == base.digest()


def test_a_growing_corpus_gives_the_same_draws_as_a_join_of_its_parts():
    parts = [of_origin(numbers(*range(10 * i, 10 * i + 7)), i) for i in range(6)]
    grown = parts[0]
    for i, part in enumerate(parts[1:], start=2):
        grown = grown.extended(part, most=42)
        joined = Corpus.concat(parts[:i])
        drawn, expected = (corpus.shuffled(3).sample(5, generator(i)) for corpus in (grown, joined))
        assert drawn["x"].equal(expected["x"])
        assert drawn.table.labels.equal(expected.table.labels)
        assert grown["x"].equal(joined["x"])
        assert real_share(drawn) == real_share(expected)


def test_corpora_that_grow_apart_from_the_same_rows_do_not_disturb_each_other():
    start = of_origin(numbers(0, 1), REAL).extended(of_origin(numbers(2), 1), most=9)
    one, two = (start.extended(of_origin(numbers(value), 2), most=9) for value in (8, 9))
    too_long = start.extended(of_origin(numbers(7), 2), most=3)
    drawn = [sorted(corpus.shuffled(0).sample(4, generator(0))["x"].tolist()) for corpus in (one, two, one, too_long)]
    assert drawn == [[0, 1, 2, 8], [0, 1, 2, 9], [0, 1, 2, 8], [0, 1, 2, 7]]


def test_what_is_drawn_from_a_growing_corpus_shares_no_memory_with_it():
    grown = of_origin(numbers(0, 1), REAL).extended(of_origin(numbers(2), 1), most=3)
    grown.shuffled(0).sample(3, generator(0))["x"].zero_()
    assert sorted(grown.shuffled(0)["x"].tolist()) == [0, 1, 2]


def test_negative_places_count_from_the_end_also_in_a_shuffled_corpus():
    shuffled = numbers(*range(20)).shuffled(3)
    assert shuffled.select(torch.tensor([-1, 0]))["x"].tolist() == [shuffled["x"][-1], shuffled["x"][0]]


def test_rows_are_drawn_in_proportion_to_their_weights():
    corpus = Corpus({"x": torch.arange(3)})
    log_weights = torch.tensor([0.0, math.log(3), -math.inf], dtype=torch.float64)
    rng = torch.Generator().manual_seed(0)
    drawn = [corpus.sample(1, rng, log_weights=log_weights)["x"].item() for _ in range(2000)]
    assert drawn.count(1) / 2000 == pytest.approx(0.75, abs=0.04) and 2 not in drawn
    assert sorted(corpus.sample(2, rng, log_weights=log_weights)["x"].tolist()) == [0, 1]
