import io
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path

import fabricate
import pytest
from rich.console import Console

from collapsebench.core.records import write_results
from collapsebench.render import terminal
from collapsebench.render.files import load_view, stale_pages, write_board
from collapsebench.render.page import summary
from collapsebench.results.signature import sign

GOLDEN = Path(__file__).parents[1] / "golden" / "board"


THAW = {
    **{"name": "thaw", "label": "thaw", "digest": 64 * "b", "title": "Thaw"},
    **{"description": "Returns D_0.", "paper": "", "track": "anchored", "reference": False},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = fabricate.board(tmp_path_factory.mktemp("quick"), fabricate.everything())
    sign(folder, "accumulate", fabricate.cells("accumulate"), [], 0.1)
    write_board(folder)
    return folder


def section(page: str, title: str) -> str:
    return page.partition(f"## {title}\n")[2].partition("\n## ")[0]


def row(page: str, label: str) -> list[str]:
    line = next(line for line in page.splitlines() if line.startswith("|") and f"[{label}]" in line)
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.mark.parametrize("name", ["README.md", "blind.md"])
def test_pages_are_as_agreed(folder, name):
    """`UPDATE_GOLDEN=1 pytest tests/render` writes the agreed pages anew; read their diff."""
    page = (folder / name).read_text(encoding="utf-8")
    if os.environ.get("UPDATE_GOLDEN"):
        (GOLDEN / name).write_text(page, encoding="utf-8")
    agreed = (GOLDEN / name).read_text(encoding="utf-8")
    assert list(unified_diff(agreed.splitlines(), page.splitlines(), n=0)) == []  # pytest's own takes minutes


def test_every_track_with_entries_has_a_page_and_every_task_its_curves(folder):
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (".md", ".svg")}
    assert names == {
        *("README.md", "blind.md", "anchored.md", "fresh.md", "assisted.md", "cost.svg"),
        *("curves/gaussian.svg", "curves/kde.svg", "curves/arithmetic.svg"),
    }


def test_same_records_same_bytes_whatever_their_order(folder, tmp_path):
    results = fabricate.everything()
    records = tmp_path / "records"
    records.mkdir()
    for result in reversed(results):
        with (records / f"{result.cell.method.name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(write_results([result]))
    shutil.copytree(folder / "verified", tmp_path / "verified")
    for name in write_board(tmp_path).files:
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_incomplete_diverged_and_skipped_are_said(folder):
    page = (folder / "README.md").read_text(encoding="utf-8")
    scores = section(page, "Scores")
    assert "token_edit" not in scores
    assert row(scores, "fresh_mix")[-1] == "diverged at t=3 (2 of 3 seeds)"
    assert row(scores, "fresh_mix")[0] == row(scores, "fresh_mix")[4] == "—"
    assert "1 of 3 seeds, 1 failed" in row(section(page, "Incomplete"), "token_edit")[-1]
    assert r"seed 1: ValueError: a \| b" in section(page, "Incomplete")
    assert "collapsebench run --method token_edit --task arithmetic --protocol quick" in section(page, "Incomplete")
    assert row(section(page, "Skipped"), "reward_curate")[-1] == "only for vectors"


def test_what_is_outside_an_entrys_scope_and_what_says_nothing_are_noted(folder):
    scores = section((folder / "README.md").read_text(encoding="utf-8"), "Scores")
    rank, _, _, tasks, overall, *_, gaussian, arithmetic = row(scores, "verify_filter")
    assert (rank, tasks, overall) == ("1", "1/2", "0.61")
    assert gaussian == "n/a<sup>2</sup>"
    assert "<sup>2</sup> needs verifier, which gaussian does not have." in scores
    assert "sup" not in arithmetic
    assert row(scores, "real_mix")[-1] == "1.00<sup>1</sup>"
    assert "<sup>1</sup> identical to frozen on every seed" in scores


def test_the_head_names_protocol_digest_and_newest_record(folder):
    for name in ("README.md", "anchored.md"):
        head = (folder / name).read_text(encoding="utf-8").partition("## Scores")[0]
        assert "protocol digest `22c72aa82ce7` · newest record 2026-03-03" in head
        assert len([line for line in section(head, "How to read this").splitlines() if line.startswith("- ")]) == 5


def test_a_method_that_returns_the_real_data_is_said_to_be_a_copy_of_frozen(tmp_path):
    # Its cells have the losses of `frozen` to the bit, as those of a method whose D_t is D_0 do.
    thaw = [replace(r, cell=r.cell.changed(method=r.cell.method.changed(**THAW))) for r in fabricate.cells("frozen")]
    references = [r for name in ("replace", "frozen") for r in fabricate.cells(name)]
    write_board(fabricate.board(tmp_path, [*references, *thaw]))
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    rank, _, _, _, overall, *_ = row(section(page, "Scores"), "thaw")
    assert (rank, overall) == ("1", "1.00")
    assert "[thaw](#entry-thaw) = *frozen* |" in section(page, "Scores")
    assert row(section(page, "Scores"), "thaw")[7] == "level, 50 %"
    assert "**thaw** (self-reported): Thaw. Returns D_0. Here a copy of *frozen*" in section(page, "Entries")


def test_lm_eval_metrics_stand_in_a_table_of_their_own(tmp_path):
    def asked(result):
        metrics = [{**g.metrics, "piqa/acc": 0.5 + g.t / 100} for g in result.generations]
        generations = tuple(g.changed(metrics=m) for g, m in zip(result.generations, metrics, strict=True))
        task = result.cell.task.changed(lm_eval={"tasks": ["piqa"], "limit": 50, "sources": {}})
        return replace(result, cell=result.cell.changed(task=task), generations=generations)

    results = [asked(r) for r in fabricate.cells("replace", ["gaussian"])] + fabricate.cells("frozen", ["gaussian"])
    write_board(fabricate.board(tmp_path, results + fabricate.cells("accumulate", ["gaussian"])))
    page = (tmp_path / "README.md").read_text(encoding="utf-8").partition("### gaussian")[2]
    table = page.partition("| lm-eval at the last generation")[2].partition("\n\n")[0]
    assert "piqa/acc" in table
    assert re.search(r"generation 0\s*\|\s*0\.500 ", table)
    assert row(table, "replace")[-1] == "0.540"
    assert "accumulate" not in table  # nobody asked for it there
    assert "50 items drawn at random" in page


def test_references_are_in_italics_and_not_ranked(folder):
    for path in folder.glob("*.md"):
        for name in ("replace", "frozen", "fresh_real"):
            cells = row(section(path.read_text(encoding="utf-8"), "Scores"), name)
            assert cells[0] == ""
            assert f"*[{name}](#entry-{name.replace('_', '-')})*" in cells


def test_secondary_metrics_stand_beside_the_primary_one_under_generation_0(folder):
    table = section((folder / "assisted.md").read_text(encoding="utf-8"), "Tasks").partition("### arithmetic")[2]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert all(name in rows[0] for name in ("answer_nll (nats/answer)", "exact_match", "distinct_questions"))
    assert rows[2].startswith("| generation 0")
    assert any("[verify_filter]" in line for line in rows)


def test_links_on_a_page_lead_somewhere(folder):
    for path in folder.glob("*.md"):
        page = path.read_text(encoding="utf-8")
        anchors = {*re.findall(r'<a id="([^"]+)">', page), *re.findall(r"^### (\S+)$", page, re.MULTILINE)}
        assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= anchors
        files = re.findall(r"\]\(([^)#:]+\.(?:md|svg))\)", page)
        assert all((folder / name).is_file() for name in files)


def test_nothing_is_stale_until_something_changes(tmp_path):
    fabricate.board(tmp_path, fabricate.cells("accumulate", tasks=["kde"]))
    assert list(write_board(tmp_path).files) == ["README.md", "blind.md", "curves/kde.svg"]
    assert stale_pages(tmp_path) == []
    (tmp_path / "README.md").write_text("edited")
    assert stale_pages(tmp_path) == [tmp_path / "README.md"]
    fabricate.board(tmp_path, fabricate.cells("token_edit", tasks=["kde"]))
    assert {path.name for path in stale_pages(tmp_path)} >= {"README.md", "anchored.md", "kde.svg"}
    assert not (tmp_path / "anchored.md").exists()


def test_a_page_without_entries_is_removed_and_named(tmp_path, caplog):
    tasks = ["gaussian"]
    fabricate.board(tmp_path, fabricate.cells("replace", tasks) + fabricate.cells("token_edit", tasks))
    write_board(tmp_path)
    (tmp_path / "records" / "token_edit.jsonl").unlink()
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "blind.md").write_text("mine too, though it has the name of a track")
    assert tmp_path / "anchored.md" in stale_pages(tmp_path)
    write_board(tmp_path)
    assert not (tmp_path / "anchored.md").exists()
    assert caplog.messages == [f"Removed {tmp_path / 'anchored.md'}: no record gives it any more."]
    assert (tmp_path / "notes.md").exists() and (tmp_path / "blind.md").exists()


def test_a_task_may_be_named_like_the_plot_of_the_board(tmp_path):
    cells = [cell for name in ("replace", "frozen", "accumulate") for cell in fabricate.cells(name, ["gaussian"])]
    protocol = cells[0].cell.protocol.changed(tasks=["cost"])
    named = [replace(r, cell=r.cell.changed(protocol=protocol, task=r.cell.task.changed(name="cost"))) for r in cells]
    write_board(fabricate.board(tmp_path, named))
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "](curves/cost.svg)" in page and "](cost.svg)" in page
    assert (tmp_path / "curves" / "cost.svg").read_bytes() != (tmp_path / "cost.svg").read_bytes()
    assert stale_pages(tmp_path) == []


def test_figures_that_lie_where_they_lay_before_are_removed(tmp_path):
    write_board(fabricate.board(tmp_path, fabricate.cells("accumulate", tasks=["kde"])))
    old = tmp_path / "kde.svg"
    old.write_bytes((tmp_path / "curves" / "kde.svg").read_bytes())
    (tmp_path / "mine.svg").write_text("<svg/>")
    assert stale_pages(tmp_path) == [old]
    write_board(tmp_path)
    assert not old.exists() and (tmp_path / "mine.svg").exists()


def test_without_references_losses_are_shown_with_the_command_that_adds_them(tmp_path):
    write_board(fabricate.board(tmp_path, fabricate.cells("accumulate", tasks=["gaussian"], seeds=[0])))
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "No task is scored yet" in page
    assert "`collapsebench run --method replace --task gaussian,kde,arithmetic --protocol quick`" in page
    assert re.search(r"\[accumulate\]\(#entry-accumulate\)\s*\|\s*0\.\d+ ± —", page.partition("### gaussian")[2])


def test_a_pairing_across_machines_is_marked(tmp_path):
    tasks = ["gaussian"]
    elsewhere = fabricate.cells("accumulate", tasks, environment={"machine": "another CPU"})
    here = fabricate.cells("replace", tasks) + fabricate.cells("frozen", tasks)
    write_board(fabricate.board(tmp_path, here + elsewhere))
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "[accumulate](#entry-accumulate) †" in page
    assert "† Some cells ran on another machine" in page


def test_the_terminal_table_has_every_entry(folder):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(*terminal.write(summary(load_view(folder).board)))
    text = console.export_text()
    assert re.search(r"blind\s+1\s+accumulate\s", text)
    assert re.search(r"anchored\s+incomplete\s+token_edit", text)
    assert all(name in text for name in ("fresh_mix", "verify_filter", "replace", "frozen", "fresh_real"))


def test_a_verified_entry_keeps_its_mark_while_its_records_stand(tmp_path):
    def shown():
        write_board(tmp_path)
        page = (tmp_path / "README.md").read_text(encoding="utf-8")
        return row(section(page, "Scores"), "accumulate")[2]

    fabricate.board(tmp_path, [r for name in ("replace", "frozen", "accumulate") for r in fabricate.cells(name)])
    sign(tmp_path, "accumulate", fabricate.cells("accumulate"), [], 0.1)
    assert shown().endswith(" ✓")
    fabricate.board(tmp_path, fabricate.cells("accumulate", environment={"machine": "another"}))
    assert "✓" in shown()
    fabricate.board(tmp_path, fabricate.cells("accumulate", recovered=0.9))
    assert "✓" not in shown()


def test_records_are_a_boards_only_input(folder):
    """Every page and curve comes out the same, and no method or task is imported for it."""
    check = (
        "import sys; from pathlib import Path; from collapsebench.render.files import stale_pages;"
        "stale = stale_pages(Path(sys.argv[1]));"
        "print(stale, [name for name in sys.modules if name.startswith('collapsebench_plugins')])"
    )
    for where in (folder, Path(__file__).parents[2] / "leaderboards" / "quick"):
        ran = subprocess.run([sys.executable, "-c", check, where], capture_output=True, text=True, check=False)
        assert (ran.stdout, ran.stderr) == ("[] []\n", "")


HOSTILE = "<script>x</script> | [y](javascript:z) ![i](https://example.org/i.png) `c` $m$ &lt;b&gt; www.example.org"


def test_what_a_record_says_is_text_on_every_page(tmp_path):
    def told(result):
        method = result.cell.method.changed(title=HOSTILE, description=HOSTILE, paper=HOSTILE)
        task = result.cell.task.changed(title=HOSTILE, unit=HOSTILE, metrics={"w2_squared": HOSTILE, "trace": ""})
        protocol = result.cell.protocol.changed(description=f"# {HOSTILE}")
        return replace(result, cell=result.cell.changed(method=method, task=task, protocol=protocol))

    names = ("replace", "frozen", "accumulate")
    write_board(fabricate.board(tmp_path, [told(r) for name in names for r in fabricate.cells(name, ["gaussian"])]))
    pages = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.md")}
    assert set(pages) == {"README.md", "blind.md"}
    for page in pages.values():
        assert page.count("<script>") == page.count(" | [y](") == page.count("https://example") == 0
        assert "\n# <" not in page and "\n# \\<" not in page
        assert page.count(r"\<script\>x\</script\> \| \[y\](javascript:z) !\[i\](https:\//example.org") >= 8
    for path in tmp_path.rglob("*.svg"):
        assert "<script" not in path.read_text(encoding="utf-8")
