from collapsebench import task
from collapsebench.testing import Toy


@task("example_drift")
class Drift(Toy):
    """Whole numbers whose models drift by two in each generation."""

    drift: float = 2.0
