from collapsebench.core.method import METHODS


def test_n_distinct_rows_of_the_pool(curate):
    out = curate("accumulate_subsample", n=6)
    assert len(set(out.rows)) == 6
    assert set(out.rows) <= {*range(1, 7), *range(101, 107)}
    assert METHODS.get("accumulate_subsample")().track == "blind"


def test_real_rows_are_drawn_in_proportion(curate):
    real = [len(curate("accumulate_subsample", n=20, seed=seed).real) for seed in range(100)]
    assert 9.0 < sum(real) / 100 < 11.0  # hypergeometric: mean 10, standard error 0.16
