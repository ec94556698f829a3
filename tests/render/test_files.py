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
from collapsebench.render.page import files, summary
from collapsebench.results.signature import Draw, sign

DRAW = Draw(draw="1", drawn="by the system")
GOLDEN = Path(__file__).parents[1] / "golden" / "board"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = fabricate.board(tmp_path_factory.mktemp("quick"), fabricate.everything())
    sign(folder, fabricate.cells("accumulate"), DRAW, [])
    write_board(folder)
    return folder


def section(page: str, title: str) -> str:
    return page.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def read(folder, name="README.md") -> str:
    return (folder / name).read_text(encoding="utf-8")


def row(page: str, label: str) -> list[str]:
    """The cells of the first row about an entry."""
    line = next(line for line in page.splitlines() if line.startswith("|") and f"[{label}]" in line)
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


@pytest.mark.parametrize("name", ["README.md", "preserve-theory.md"])
def test_pages_are_as_agreed(folder, name):
    """`UPDATE_GOLDEN=1 pytest tests/render` writes the agreed pages anew; read their diff."""
    page = read(folder, name)
    if os.environ.get("UPDATE_GOLDEN"):
        (GOLDEN / name).write_text(page, encoding="utf-8")
    agreed = (GOLDEN / name).read_text(encoding="utf-8")
    assert list(unified_diff(agreed.splitlines(), page.splitlines(), n=0)) == []  # pytest's own takes minutes


def test_every_group_has_a_page_and_its_costs_and_every_setting_its_curves(folder):
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (".md", ".svg")}
    assert names == {
        *("README.md", "preserve-theory.md", "preserve-language.md", "purify-theory.md", "grow-language.md"),
        *(f"curves/{setting}.svg" for setting in fabricate.SETTINGS),
        *("cost/preserve/theory.svg", "cost/preserve/language.svg", "cost/purify/theory.svg", "cost/grow/language.svg"),
    }


def test_same_records_same_bytes_whatever_their_order(folder, tmp_path):
    results = fabricate.everything()
    records = tmp_path / "records"
    records.mkdir()
    for result in reversed(results):
        with (records / f"{result.cell.method.name}.jsonl").open("a", encoding="utf-8") as file:
            file.write(write_results([result]))
    shutil.copytree(folder / "verified", tmp_path / "verified")
    for name in files(write_board(tmp_path)):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_the_first_page_answers_in_words_with_a_line_for_each_suite(folder):
    answers = section(read(folder), "Answers")
    heads = re.findall(r"^\*\*(.*?):\*\* (.*)$", answers, re.MULTILINE)
    assert [head for head, _ in heads] == ["To preserve", "On a polluted stream", "To grow", "What costs nothing"]
    assert heads[0][1].startswith(
        "in language use **[verify_filter](#entry-verify-filter)**; in theory **keep the real"
    )
    lines = re.findall(r"^- \[(\w+)\]\((.*?)\): .*", answers, re.MULTILINE)
    assert [(suite, (folder / page).is_file()) for suite, page in lines] == [
        *(("theory", True), ("language", True), ("theory", True), ("language", True))
    ]


def test_the_page_of_a_group_says_who_is_told_from_whom(tmp_path):
    def best():
        write_board(tmp_path)
        return next(line for line in read(tmp_path, "preserve-theory.md").splitlines() if line.startswith("Best: "))

    settings = ["gaussian/preserve"]
    fabricate.board(tmp_path, fabricate.references(settings) + fabricate.cells("accumulate", settings))
    assert re.fullmatch(
        r"Best: \[accumulate\]\(README.md#entry-accumulate\) 0\.6\d \[0\.\d\d, 0\.\d\d\] \(track blind\), "
        r"worse than the real rows alone, and nobody else is ranked\.",
        best(),
    )
    fabricate.board(tmp_path, fabricate.cells("accumulate_subsample", settings))
    assert "not told from [accumulate" in best()
    fabricate.board(tmp_path, fabricate.cells("real_mix", settings))
    assert best().endswith("worse than the real rows alone, told apart from all others that are ranked.")


def test_the_one_table_has_a_column_for_each_question_and_suite_and_marks_the_best_of_each_track(folder):
    methods = section(read(folder), "Methods")
    head = next(line for line in methods.splitlines() if line.startswith("|"))
    assert [cell.strip() for cell in head.split("|")[1:-1]] == [
        "entry",
        *("[preserve,<br>theory](preserve-theory.md)", "[preserve,<br>language](preserve-language.md)"),
        *("[purify,<br>theory](purify-theory.md)", "[grow,<br>language](grow-language.md)"),
        *("cost", "what it does"),
    ]
    best = {
        name
        for name in ("accumulate", "accumulate_subsample", "real_mix", "token_edit")
        if row(methods, name)[1].startswith("**")
    }
    assert best == {"accumulate", "accumulate_subsample", "token_edit"}
    assert re.fullmatch(r"\*\*0\.6\d\*\*<br><sub>\[0\.\d\d,\xa00\.\d\d\]</sub>", row(methods, "accumulate")[1])
    assert row(methods, "accumulate")[0] == "[accumulate](#entry-accumulate)<br><sub>blind</sub>"
    assert row(methods, "token_edit")[2] == "incomplete"
    assert row(methods, "accumulate")[-1] == "A\xa0line\xa0that\xa0says\xa0what\xa0D_t\xa0is."
    assert row(methods, "token_edit")[5] == "×1.03"
    table, _, below = methods.partition("**Worth**: on how many")
    assert "thaw" not in table and "most=5" not in table  # shown on the pages of the questions
    assert "what they are: [thaw](#entry-thaw), in preserve: the same losses as frozen, to the last bit." in below


def test_of_two_hundred_copies_ten_are_named_on_the_first_page(tmp_path):
    settings = ["gaussian/preserve"]
    copies = [r for i in range(30) for r in fabricate.cells("frozen", settings, name=f"a_copy_{i:02}")]
    write_board(fabricate.board(tmp_path, fabricate.references(settings) + copies))
    methods = section(read(tmp_path), "Methods")
    assert methods.count("](#entry-a-copy") == 10
    assert "; and 20 more." in methods


def test_in_part_named_and_swept_entries_stand_apart_with_their_numbers(folder):
    theory = section(read(folder, "preserve-theory.md"), "Scores")
    ranked, _, others = theory.partition("**Named, not ranked.**")
    named, _, swept = others.partition("**Other parameters.**")
    assert "thaw" not in ranked and "most=5" not in ranked
    assert row(named, "thaw")[2:4] == ["the same losses as frozen, to the last bit", "1.00 [1.00, 1.00]"]
    assert row(swept, "accumulate(most=5)")[2].startswith("0.71 ")
    ranked, _, part = section(read(folder, "grow-language.md"), "Scores").partition("**In part.**")
    assert "detector" not in ranked
    assert row(part, "detector")[-1] == "diverged at t=3 (2 of 3 seeds)"
    assert "in part: 0 of 1 settings." in part


def test_a_world_in_which_nothing_has_resolution_says_so(tmp_path):
    settings = ["kde/preserve", "gaussian/purify"]
    write_board(fabricate.board(tmp_path, fabricate.references(settings) + fabricate.cells("accumulate", settings)))
    nothing = "preserve shows nothing here: no task has resolution in it, and it enters no score."
    assert nothing in read(tmp_path, "preserve-theory.md")
    assert "shows nothing here" not in read(tmp_path, "purify-theory.md")


def test_each_task_says_in_a_sentence_what_it_is(tmp_path):
    def reading(result):
        task = result.cell.task.changed(about="stories; a model", budget="700 steps of 32 rows", corpus="TinyStories")
        return replace(result, cell=result.cell.changed(task=task, parameters=1234))

    settings = ["gaussian/preserve", "arithmetic/preserve"]
    results = fabricate.references(settings[:1]) + list(map(reading, fabricate.references(settings[1:])))
    write_board(fabricate.board(tmp_path, results))
    for page in (read(tmp_path), read(tmp_path, "preserve-theory.md")):
        assert "- **gaussian**: Gaussian in ten dimensions, made up; a model of one number; n = 1000 real rows" in page
    language = read(tmp_path, "preserve-language.md")
    told = "Stories; a model; n = 1000 real rows; 700 steps of 32 rows; 1.23k parameters; reads TinyStories."
    assert f"- **arithmetic**: {told}\n" in language
    assert "[arithmetic/preserve (TinyStories)](#arithmeticpreserve)" in language


def test_what_is_outside_of_a_curve_is_said(tmp_path):
    settings = ["gaussian/preserve"]
    far = fabricate.cells("accumulate", settings, worth=0.01)
    write_board(fabricate.board(tmp_path, fabricate.references(settings) + far))
    assert row(section(read(tmp_path, "preserve-theory.md"), "Scores"), "accumulate")[-1] == "< 1/4"


def test_a_page_says_what_counts_and_the_smallest_worth_that_it_tells_from_1(folder):
    measured = section(read(folder, "preserve-theory.md"), "What was measured")
    assert row(measured, "gaussian/preserve")[-1] == "**counts**"
    assert 1 < float(row(measured, "gaussian/preserve")[-2].removeprefix("×")) < 1.2
    assert row(measured, "kde/preserve")[-2:] == ["none", "no resolution"]
    assert row(measured, "gaussian/preserve")[3] == "1000 rows, the newest model's"
    purify = section(read(folder, "purify-theory.md"), "What was measured")
    assert row(purify, "gaussian/purify")[3] == "1000 rows, 50% of them new real rows, the others the newest model's"


def test_preserve_shows_how_entries_decay(folder):
    table = next(t for t in section(read(folder, "preserve-theory.md"), "Scores").split("\n\n") if "last/first" in t)
    assert row(table, "replace")[1].startswith("0.1")
    assert row(table, "frozen")[1] == "0"
    assert row(table, "frozen")[2] == "×0.956"


def test_a_reward_is_shown_beside_the_divergence_that_it_costs(tmp_path):
    def logging(cell):
        log = {"reward_before": 1.0, "reward_after": 1.5, "kl": 0.25 + cell.cell.seed}
        return replace(cell, generations=tuple(g.changed(log=log if g.t else {}) for g in cell.generations))

    settings = ["gaussian/preserve", "kde/preserve"]
    cells = [logging(cell) for cell in fabricate.cells("reward_curate", settings[:1])]
    write_board(fabricate.board(tmp_path, fabricate.references(settings) + cells))
    page = section(read(tmp_path, "preserve-theory.md"), "Scores")
    table = next(t for t in page.split("\n\n") if "KL, nats" in t)
    assert "kde" not in table
    assert float(row(table, "reward_curate")[1].partition(" ")[0]) == 0.5
    assert row(table, "reward_curate")[2].startswith("1.2")  # the mean of .25, 1.25 and 2.25
    assert "[replace]" not in table


def test_incomplete_diverged_and_skipped_are_said(folder):
    page = read(folder)
    assert "1 of 3 seeds, 1 failed" in row(section(page, "Incomplete"), "token_edit")[-1]
    assert r"seed 1: ValueError: a \| b" in section(page, "Incomplete")
    assert "collapsebench run --method token_edit --task arithmetic --protocol quick" in section(page, "Incomplete")
    assert row(section(page, "Diverged"), "detector")[1:3] == ["arithmetic/grow", "1, 2"]
    assert row(section(page, "Skipped"), "reward_curate")[-1] == "only for vectors"


def test_the_head_names_protocol_digest_and_newest_record(folder):
    for name in ("README.md", "preserve-theory.md"):
        assert "protocol digest `22c72aa82ce7` · newest record 2026-03-03" in read(folder, name)
        assert "- **Worth**, V: on how many real rows" in read(folder, name)


def test_lm_eval_metrics_stand_in_a_table_of_their_own(tmp_path):
    settings = ["gaussian/preserve"]

    def asked(result):
        metrics = [{**g.metrics, "piqa/acc": 0.5 + g.t / 100} for g in result.generations]
        generations = tuple(g.changed(metrics=m) for g, m in zip(result.generations, metrics, strict=True))
        task = result.cell.task.changed(lm_eval={"tasks": ["piqa"], "limit": 50, "sources": {}})
        return replace(result, cell=result.cell.changed(task=task), generations=generations)

    results = [asked(r) for r in fabricate.cells("replace", settings)] + fabricate.cells("frozen", settings)
    write_board(fabricate.board(tmp_path, results + fabricate.cells("accumulate", settings)))
    page = read(tmp_path, "preserve-theory.md").partition("## gaussian/preserve")[2]
    table = page.partition("| lm-eval at the last generation")[2].partition("\n\n")[0]
    assert "piqa/acc" in table
    assert re.search(r"generation 0\s*\|\s*0\.500 ", table)
    assert row(table, "replace")[-1] == "0.540"
    assert "accumulate" not in table  # nobody asked for it there
    assert "50 items drawn at random" in page


def test_references_are_in_italics_and_not_ranked(folder):
    for question, suite in (("preserve", "theory"), ("purify", "theory"), ("grow", "language")):
        for name in fabricate.REFERENCES[question]:
            line = row(section(read(folder, f"{question}-{suite}.md"), "Scores"), name)
            assert line[0] == ""
            assert f"*[{name}](README.md#entry-{name.replace('_', '-')})*" in line


def test_secondary_metrics_stand_beside_the_primary_one_under_generation_0(folder):
    table = section(read(folder, "preserve-language.md"), "arithmetic/preserve")
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert all(name in rows[0] for name in ("answer_nll (nats/answer)", "exact_match", "diversity_ratio"))
    assert rows[2].startswith("| generation 0")
    assert any("[verify_filter]" in line for line in rows)


def test_links_lead_somewhere(folder):
    """Places on a page are those of its entries, and of its headings as GitHub names them."""

    def places(page):
        headings = re.findall(r"^##+ (\S+)$", page, re.MULTILINE)
        return {*re.findall(r'<a id="([^"]+)">', page), *(heading.lower().replace("/", "") for heading in headings)}

    for path in folder.glob("*.md"):
        page = path.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", page):
            name, _, place = target.partition("#")
            if not target.startswith("https://arxiv.org/"):
                assert (folder / (name or path.name)).is_file(), target
                assert not place or place in places(read(folder, name or path.name)), target


def test_nothing_is_stale_until_something_changes(tmp_path):
    fabricate.board(tmp_path, fabricate.cells("accumulate", ["kde/preserve"]))
    assert list(files(write_board(tmp_path))) == ["README.md", "preserve-theory.md", "curves/kde/preserve.svg"]
    assert stale_pages(tmp_path) == []
    (tmp_path / "README.md").write_text("edited")
    assert stale_pages(tmp_path) == [tmp_path / "README.md"]
    fabricate.board(tmp_path, fabricate.cells("token_edit", ["gaussian/purify"]))
    assert {path.name for path in stale_pages(tmp_path)} == {"README.md", "purify-theory.md", "purify.svg"}
    assert not (tmp_path / "purify-theory.md").exists()


def test_a_page_without_entries_is_removed_and_named(tmp_path, caplog):
    fabricate.board(tmp_path, fabricate.cells("replace", ["gaussian/preserve"]))
    fabricate.board(tmp_path, fabricate.cells("detector", ["gaussian/purify"]))
    write_board(tmp_path)
    (tmp_path / "records" / "detector.jsonl").unlink()
    (tmp_path / "notes.md").write_text("mine")
    (tmp_path / "grow-theory.md").write_text("mine too, though it has the name of a page of ours")
    (tmp_path / "blind.md").write_text("<!-- Generated by an older version, when tracks had pages -->")
    write_board(tmp_path)
    gone = [
        *(tmp_path / name for name in ("blind.md", "purify-theory.md")),
        tmp_path / "curves" / "gaussian" / "purify.svg",
    ]
    assert sorted(caplog.messages) == sorted(f"Removed {path}: no record gives it any more." for path in gone)
    assert not any(path.exists() for path in gone)
    assert (tmp_path / "notes.md").exists() and (tmp_path / "grow-theory.md").exists()


def test_figures_that_lie_where_they_lay_before_are_removed(tmp_path):
    write_board(fabricate.board(tmp_path, fabricate.cells("accumulate", ["kde/preserve"])))
    old = [tmp_path / "cost.svg", tmp_path / "curves" / "kde.svg"]
    for path in old:
        path.write_bytes((tmp_path / "curves" / "kde" / "preserve.svg").read_bytes())
    (tmp_path / "mine.svg").write_text("<svg/>")
    assert stale_pages(tmp_path) == old
    write_board(tmp_path)
    assert not any(path.exists() for path in old) and (tmp_path / "mine.svg").exists()


def test_without_references_losses_are_shown_with_the_command_that_adds_them(tmp_path):
    write_board(fabricate.board(tmp_path, fabricate.cells("accumulate", ["gaussian/preserve"], seeds=[0])))
    page = read(tmp_path)
    assert "No setting counts yet" in page
    assert "Not run yet: kde, arithmetic." in page
    assert "`collapsebench run --method replace --task gaussian --protocol quick`" in page
    setting = section(read(tmp_path, "preserve-theory.md"), "gaussian/preserve")
    assert re.search(r"\[accumulate\]\(README.md#entry-accumulate\)\s*\|\s*0\.\d+ ± —", setting)


def test_a_pairing_across_machines_is_marked(tmp_path):
    settings = ["gaussian/preserve"]
    elsewhere = fabricate.cells("accumulate", settings, environment={"machine": "another CPU"})
    write_board(fabricate.board(tmp_path, fabricate.references(settings) + elsewhere))
    assert "[accumulate](#entry-accumulate) †" in read(tmp_path)
    assert "† Some cells ran on another machine" in read(tmp_path)


def test_a_reference_is_verified_with_its_learning_curves(tmp_path):
    settings = ["gaussian/purify"]
    fabricate.board(tmp_path, fabricate.references(settings))
    sign(tmp_path, fabricate.curves(settings) + fabricate.cells("take_newest", settings), DRAW, [])
    assert load_view(tmp_path).verified.keys() == {"take_newest"}


def printed(folder, width):
    console = Console(width=width, record=True, file=io.StringIO())
    for block in terminal.write(summary(load_view(folder).board), console):
        console.print(block)
    return console.export_text()


def test_the_terminal_has_the_answers_and_every_entry(folder):
    text = printed(folder, 250)
    assert "To preserve: in language use verify_filter; in theory keep the real data and train on them alone" in text
    assert re.search(r"accumulate blind\s+0\.6\d \[0", text)
    assert re.search(r"token_edit anchored\s+0\.95 \[0\.9., 0\.9.\]\s+incomplete", text)
    assert all(name in text for name in ("detector", "verify_filter", "replace", "frozen", "fresh_real", "thaw"))


def test_a_narrow_terminal_leaves_out_intervals_and_wraps_words(folder):
    text = printed(folder, 84)
    assert re.search(r"accumulate\s+0\.6\d\s+0\.6\d", text)
    assert max(map(len, text.splitlines())) <= 84


def test_a_very_narrow_terminal_has_a_table_for_each_question(folder):
    text = printed(folder, 64)
    assert text.count("quick v1: worth") == 4  # three questions, and cost
    preserve, purify = text.split("quick v1: worth")[1:3]
    assert "tempered" in preserve and "tempered" not in purify and "take_all" in purify
    assert re.search(r"accumulate\s+0\.6\d\s+0\.6\d\s*\n", text)
    assert max(map(len, text.splitlines())) <= 64


def test_a_verified_entry_keeps_its_mark_while_its_records_stand(tmp_path):
    def shown():
        write_board(tmp_path)
        return row(section(read(tmp_path), "Methods"), "accumulate")[0]

    fabricate.board(tmp_path, fabricate.references() + fabricate.cells("accumulate"))
    sign(tmp_path, fabricate.cells("accumulate"), DRAW, [])
    assert " ✓<br>" in shown()
    fabricate.board(tmp_path, fabricate.cells("accumulate", environment={"machine": "another"}))
    assert "✓" not in shown()
    fabricate.board(tmp_path, fabricate.cells("accumulate"))
    assert "✓" in shown()
    fabricate.board(tmp_path, fabricate.cells("accumulate", worth=0.9))
    assert "✓" not in shown()


def test_records_are_a_boards_only_input(folder):
    """Every page and curve comes out the same, and no method or task is imported for it."""
    check = (
        "import sys; from pathlib import Path; from collapsebench.render.files import stale_pages;"
        "stale = stale_pages(Path(sys.argv[1]));"
        "print(stale, [name for name in sys.modules if name.startswith('collapsebench_plugins')])"
    )
    ran = subprocess.run([sys.executable, "-c", check, folder], capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("[] []\n", "")


HOSTILE = "<script>x</script> | [y](javascript:z) ![i](https://example.org/i.png) `c` $m$ &lt;b&gt; www.example.org"


def test_what_a_record_says_is_text_on_every_page(tmp_path):
    def told(result):
        method = result.cell.method.changed(title=HOSTILE, description=HOSTILE, paper=HOSTILE)
        task = result.cell.task.changed(
            title=HOSTILE,
            about=HOSTILE,
            unit=HOSTILE,
            metrics={name: metric.changed(meaning=HOSTILE) for name, metric in result.cell.task.metrics.items()},
        )
        protocol = result.cell.protocol.changed(description=f"# {HOSTILE}")
        return replace(result, cell=result.cell.changed(method=method, task=task, protocol=protocol))

    settings = ["gaussian/preserve"]
    results = fabricate.references(settings) + fabricate.cells("accumulate", settings)
    write_board(fabricate.board(tmp_path, [told(result) for result in results]))
    pages = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.md")}
    assert set(pages) == {"README.md", "preserve-theory.md"}
    for page in pages.values():
        assert page.count("<script>") == page.count(" | [y](") == page.count("https://example") == 0
        assert "\n# <" not in page and "\n# \\<" not in page
        assert page.count(r"\<script\>x\</script\> \| \[y\](javascript:z) !\[i\](https:\//example.org") >= 4
    for path in tmp_path.rglob("*.svg"):
        assert "<script" not in path.read_text(encoding="utf-8")
