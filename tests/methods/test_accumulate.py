from collapsebench.core.method import METHODS


def test_everything_so_far(curate):
    out = curate("accumulate", n=3)
    assert out.rows == [1, 2, 3, 101, 102, 103]
    assert METHODS.get("accumulate")().track == "blind"
