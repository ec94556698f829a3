import re

import fabricate
import pytest
import torch

from collapsebench.render.files import load_view, stale_pages, write_board
from collapsebench.render.samples import LINE, MOST_LINES, Sheet, Texts, excerpts, kept, sheet_name, write_sheets

SETTING = "arithmetic/preserve"
PIXELS = torch.full((9, 9), 51, dtype=torch.uint8)


@pytest.fixture
def sheet():
    """The sheet of a method in this setting: `sheet("replace", pixels=..., cell="digest")`."""

    def make(method, pixels=PIXELS, cell=None):
        return Sheet(SETTING, method, cell or fabricate.cell(method, SETTING, 0).cell.cell, pixels)

    return make


@pytest.fixture
def folder(sheet, tmp_path):
    """A board of the references, with sheets of two of them and of one that has no records."""
    folder = fabricate.board(tmp_path, fabricate.references([SETTING]))
    write_sheets(folder, [sheet("replace"), sheet("frozen"), sheet("tempered")])
    write_board(folder)
    return folder


def names(folder) -> list[str]:
    return sorted(path.name for path in (folder / "samples").iterdir())


def test_names_are_made_of_words_and_kept_apart() -> None:
    assert sheet_name("digits/grow", "accumulate_subsample") == "digits-grow-accumulate_subsample.png"
    tempered = sheet_name("digits/grow", "tempered(temperature=0.8)")
    assert tempered.startswith("digits-grow-tempered-temperature-0.8-") and len(tempered) == 49
    alike = {
        *(sheet_name("digits/grow", f"m({value})") for value in ("a=-1", "a=1", "a='1'", "a=+1")),
        *(sheet_name("a/b", "c-d"), sheet_name("a/b-c", "d"), sheet_name("a-b/c", "d")),
    }
    assert len(alike) == 7


@pytest.mark.parametrize("value", ["../../etc/passwd", "x" * 500, "a b|c\n](d)<e>", "..", ""])
def test_a_name_is_one_short_plain_word_whatever_the_parameters(value) -> None:
    name = sheet_name("digits/grow", f"m(path={value})")
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
    assert len(name) < 100 and name.startswith("digits-grow-m-path")


def test_a_board_knows_the_sheets_of_its_cells(folder) -> None:
    assert load_view(folder).sheets == {
        (SETTING, "frozen"): folder / "samples" / "arithmetic-preserve-frozen.png",
        (SETTING, "replace"): folder / "samples" / "arithmetic-preserve-replace.png",
    }


@pytest.mark.parametrize("gone", ["the entry", "the cell"])
def test_a_sheet_that_belongs_to_no_cell_of_the_board_stays_unlinked_and_is_named(folder, sheet, caplog, gone) -> None:
    """It takes a run to make."""
    if gone == "the entry":
        (folder / "records" / "frozen.jsonl").unlink()
    else:
        write_sheets(folder, [sheet("frozen", cell="another digest")])
    path = folder / "samples" / "arithmetic-preserve-frozen.png"
    before = path.read_bytes()
    write_board(folder)
    assert path.read_bytes() == before
    assert sum(line.startswith(f"{path} shows a cell that is not on the board") for line in caplog.messages) == 1
    assert path.name not in (folder / "preserve-language.md").read_text(encoding="utf-8")
    assert stale_pages(folder) == []


def test_other_files_stay(folder) -> None:
    (folder / "samples" / "mine.png").write_bytes(b"a picture")
    assert stale_pages(folder) == []


def test_a_page_links_the_sheets_that_are_there(folder) -> None:
    page = (folder / "preserve-language.md").read_text(encoding="utf-8")
    assert page.count("Samples, seed 0: the first row is real, the next what generation 0 drew") == 1
    assert "![frozen by generation](samples/arithmetic-preserve-frozen.png)" in page
    assert "![replace by generation](samples/arithmetic-preserve-replace.png)" in page
    (folder / "samples" / "arithmetic-preserve-frozen.png").unlink()
    assert stale_pages(folder) == [folder / "preserve-language.md"]


def test_a_sheet_is_written_again_only_when_it_changed(folder, sheet) -> None:
    path = folder / "samples" / "arithmetic-preserve-replace.png"
    path.write_bytes(path.read_bytes() + b"as another library would have written it")
    before = path.read_bytes()
    write_sheets(folder, [sheet("replace")])
    assert path.read_bytes() == before
    write_sheets(folder, [sheet("replace", pixels=PIXELS + 1)])
    assert path.read_bytes() != before


def test_outside_of_preserve_only_two_references_have_sheets():
    cells = [fabricate.cell(name, "gaussian/purify", 0).cell for name in fabricate.METHODS]
    assert [cell.method.name for cell in cells if kept(cell)] == ["frozen", "take_newest"]
    assert [kept(fabricate.cell("more_real", "arithmetic/grow", seed).cell) for seed in (0, 1)] == [True, False]


def test_texts_are_cut_to_a_few_short_lines():
    assert excerpts(["1+2=3", "4+5=9\n"]) == ("1+2=3", "4+5=9")
    assert excerpts(["7"] * 50) == ("7",) * MOST_LINES
    first, second = excerpts(["once upon a time " * 50] * 4)
    assert first == second and len(first) <= LINE and first.startswith("once upon a time once") and first[-1] == "…"


@pytest.fixture
def told(tmp_path):
    """A board of the references and a method, with the texts of some cells."""

    def texts(method, *generations, cell=None):
        return Texts(SETTING, method, cell or fabricate.cell(method, SETTING, 0).cell.cell, generations)

    folder = fabricate.board(tmp_path, fabricate.references([SETTING]) + fabricate.cells("accumulate", [SETTING]))
    real = ("1+2=3", "2+2=4")
    write_sheets(folder, [texts("frozen", real, ("1+3=4",)), texts("replace", real, ("9+9=9 | <b>",), ("9",))])
    write_sheets(folder, [texts("accumulate", real, ("1+1=2",)), texts("fresh_real", real, ("x",), cell="another")])
    write_board(folder)
    return folder


def test_texts_of_the_floor_stand_beside_those_of_frozen_by_generation(told):
    page = (told / "preserve-language.md").read_text(encoding="utf-8")
    rows = [re.split(r" *(?<!\\)\| *", line)[1:-1] for line in page.splitlines() if re.match(r"\| +(\d|real) \|", line)]
    assert [row for row in rows if len(row) == 3] == [
        ["real", "1+2=3 · 2+2=4", "1+2=3 · 2+2=4"],
        ["1", "1+3=4", r"9+9=9 \| \<b\>"],
        ["2", "—", "9"],
    ]
    _, _, others = page.partition("Samples of all the others")
    assert "| 1+1=2" in others.partition("</details>")[0]


def test_texts_outlive_the_store_and_say_when_their_cell_is_gone(told, caplog):
    assert stale_pages(told) == []
    before = {path: path.read_bytes() for path in (told / "samples").iterdir()}
    write_board(told)
    assert {path: path.read_bytes() for path in (told / "samples").iterdir()} == before
    strays = [line.partition(" shows")[0] for line in caplog.messages]
    assert {path.rpartition("/")[2] for path in strays} == {"arithmetic-preserve-fresh_real.json"}
    assert sum(map(len, before.values())) < 2000


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"cell": "x", "generations": 5}', "\udcff"])
def test_a_damaged_sheet_of_texts_is_none(told, damage):
    path = told / "samples" / "arithmetic-preserve-replace.json"
    path.write_bytes(damage.encode("utf-8", "surrogateescape"))
    write_board(told)
    assert "9+9=9" not in (told / "preserve-language.md").read_text(encoding="utf-8")
