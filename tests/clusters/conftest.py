"""Real engines on loopback: a Ray cluster of two nodes and a SLURM of one. The set-up starts and ends them."""

import json
import os

import pytest

from collapsebench.core.method import METHODS
from collapsebench.loop.executors.executor import Options, Silent
from collapsebench.loop.executors.local import Local
from collapsebench.loop.plan import enumerate_cells
from collapsebench.loop.protocol import load_protocol, parse_protocol
from tests.clusters.ray_nodes import RayCluster
from tests.clusters.slurm_node import CannotStart, slurm_node

SMALL_SUMS = {
    "name": "sums",
    "version": 1,
    "description": "Language models of a few numbers.",
    "generations": 2,
    "seeds": 1,
    "tasks": {
        "arithmetic": {
            "n": 16,
            "worlds": {"preserve": {}},
            "budget": {"steps": 4, "batch": 4},
            "params": {"max_operand": 3, "heldout": 4, "width": 8, "heads": 2},
        }
    },
}


def absent(engine, reason):
    """Skip, or fail where the engines must be there."""
    if os.environ.get("COLLAPSEBENCH_CLUSTERS") == "required":
        pytest.fail(f"{engine} cannot start: {reason}")
    pytest.skip(f"{engine} cannot start: {reason}")


@pytest.fixture
def ray_cluster(monkeypatch):
    """A Ray cluster of two nodes."""
    pytest.importorskip("ray")
    # Ray would else read a token of the home folder, on some nodes and not on others.
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    cluster = RayCluster()
    try:
        cluster.start()
        yield cluster
    except RuntimeError as error:
        absent("Ray", error)
    finally:
        cluster.end()


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A SLURM of one node, which SLURM's commands find."""
    pytest.importorskip("submitit")
    before = os.environ.get("SLURM_CONF")
    try:
        with slurm_node(tmp_path_factory.mktemp("slurm") / "node") as node:
            os.environ["SLURM_CONF"] = node.environment["SLURM_CONF"]
            yield node
    except CannotStart as error:
        absent("SLURM", error)
    finally:
        if before is None:
            os.environ.pop("SLURM_CONF", None)
        else:
            os.environ["SLURM_CONF"] = before


@pytest.fixture(scope="session")
def sixty():
    """Sixty cells: closed forms of `quick`, and language models of a few numbers."""
    method = METHODS.get("real_mix").make({})
    small = enumerate_cells(parse_protocol(json.dumps(SMALL_SUMS), "sums"), [method])
    cells = enumerate_cells(load_protocol("quick"), [method], tasks=["gaussian", "regression"])
    return [*small, *cells[: 60 - len(small)]]


@pytest.fixture(scope="session")
def expected(sixty, tmp_path_factory):
    """What the local executor makes of them, by place."""
    return by_place(Local(1).run(sixty, Options(tmp_path_factory.mktemp("local")), Silent()))


def by_place(results):
    return {result.place: result for result in results}
