import torch

from collapsebench.core.seeds import generator, stream, stream_seed


def draws(rng):
    return torch.rand(5, generator=rng).tolist()


def test_a_stream_gives_the_same_numbers_each_time():
    assert draws(stream("sample", "toy", 0, 1)) == draws(stream("sample", "toy", 0, 1))
    assert draws(stream("sample", "toy", 0)) == draws(generator(stream_seed("sample", "toy", 0, 0)))


def test_streams_differ_in_purpose_task_seed_and_generation():
    names = [("sample", "toy", 0, 1), ("fresh", "toy", 0, 1), ("sample", "other", 0, 1)]
    names += [("sample", "toy", 1, 1), ("sample", "toy", 0, 2), ("sample", "toy", 1, 0)]
    assert len({tuple(draws(stream(*name))) for name in names}) == len(names)


def test_parts_of_a_name_cannot_run_into_each_other():
    assert stream_seed("real", "toy1", 1) != stream_seed("real", "toy", 11)


def test_seeds_are_known_numbers_that_fit_torch():
    """A change here changes every published result."""
    assert stream_seed("real", "gaussian", 0) == 8920263766137441294
    assert all(0 <= stream_seed("real", "toy", seed) < 2**63 for seed in range(100))


def test_streams_leave_global_random_state_alone():
    before = torch.random.get_rng_state()
    draws(stream("real", "toy", 0))
    assert torch.random.get_rng_state().equal(before)
