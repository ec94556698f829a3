from collapsebench.core.costs import Ledger


def test_counts_add_up():
    ledger = Ledger(real_examples=10, verifier_calls=2)
    ledger.add(Ledger(real_examples=5, optimiser_steps=7))
    assert ledger == Ledger(real_examples=15, verifier_calls=2, optimiser_steps=7)


def test_every_count_survives_the_trip_through_a_record():
    ledger = Ledger(1, 2, 3, 4, 5, 6, 7)
    assert list(ledger.to_dict().values()) == [1, 2, 3, 4, 5, 6, 7]
    assert Ledger.from_dict(ledger.to_dict()) == ledger
