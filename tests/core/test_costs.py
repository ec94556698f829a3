from collapsebench.core.costs import Costs


def test_counts_add_up():
    costs = Costs(real_examples=10, verifier_calls=2)
    costs.add(Costs(real_examples=5, optimizer_steps=7))
    assert costs == Costs(real_examples=15, verifier_calls=2, optimizer_steps=7)


def test_every_count_survives_the_trip_through_a_record():
    costs = Costs(1, 2, 3, 4, 5, 6, 7, 8)
    assert list(costs.to_dict().values()) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert Costs.from_dict(costs.to_dict()) == costs
