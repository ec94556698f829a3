from collapsebench.core.corpus import real_share
from collapsebench.core.method import METHODS


def test_everything_so_far(curate):
    out = curate("accumulate", n=3)
    assert out.rows == [1, 2, 3, 101, 102, 103]
    assert real_share(out.corpus) == 0.5
    assert METHODS.get("accumulate")().track == "blind"
