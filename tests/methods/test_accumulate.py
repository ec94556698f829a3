from collapsebench.core.method import METHODS


def test_everything_so_far(curate):
    out = curate("accumulate", n=3)
    assert out.rows == [0, 1, 2, 100, 101, 102]
    assert out.corpus.real_share() == 0.5
    assert METHODS.get("accumulate")().track == "blind"
