"""What a node says of its cells counts where the store has it too, or where it failed."""

from dataclasses import replace

import pytest

from collapsebench.core.errors import ExecutorError
from collapsebench.loop.executors.executor import Options
from collapsebench.loop.executors.remote import check_shared, drop_token, settled, share_token, write_result
from collapsebench.loop.runner import failed, run_cell
from collapsebench.loop.store import Store


def test_the_store_decides_what_a_finished_cell_gave(make_cell, tmp_path):
    cell, there, here = make_cell("replace"), Store(tmp_path / "there"), Store(tmp_path / "here")
    said = run_cell(cell, there)
    embellished = replace(said, generations=said.generations[:1])
    with pytest.raises(ExecutorError, match="is not in the store") as error:
        settled(cell, write_result(said), here)
    assert "--store" in error.value.hint
    assert settled(cell, write_result(embellished), there).same_result(said)


def test_a_failure_comes_back_by_value(make_cell, tmp_path):
    cell = make_cell("replace")
    said = failed(cell, Store(tmp_path / "there"), "no luck")
    assert settled(cell, write_result(said), Store(tmp_path / "here")).cell.reason == f"{cell.name}: no luck"


def test_a_node_knows_the_store_of_the_driver_by_a_token(tmp_path):
    store = Options(tmp_path / "store").store
    token = share_token(store)
    check_shared(store, token)
    drop_token(store, token)
    with pytest.raises(ExecutorError, match="does not see the store"):
        check_shared(store, token)
