import fabricate
import pytest
import torch

from collapsebench.render.files import load_view, stale_pages, write_board
from collapsebench.render.samples import Sheet, sheet_name, write_sheets

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
    assert path.name not in (folder / "preserve.md").read_text(encoding="utf-8")
    assert stale_pages(folder) == []


def test_other_files_stay(folder) -> None:
    (folder / "samples" / "mine.png").write_bytes(b"a picture")
    assert stale_pages(folder) == []


def test_a_page_links_the_sheets_that_are_there(folder) -> None:
    page = (folder / "preserve.md").read_text(encoding="utf-8")
    links = "[frozen](samples/arithmetic-preserve-frozen.png) · [replace](samples/arithmetic-preserve-replace.png)"
    assert page.count(f"Samples by generation, seed 0: {links}") == 1
    assert "![replace by generation](samples/arithmetic-preserve-replace.png)" in page
    (folder / "samples" / "arithmetic-preserve-frozen.png").unlink()
    assert stale_pages(folder) == [folder / "preserve.md"]


def test_a_sheet_is_written_again_only_when_it_changed(folder, sheet) -> None:
    path = folder / "samples" / "arithmetic-preserve-replace.png"
    path.write_bytes(path.read_bytes() + b"as another library would have written it")
    before = path.read_bytes()
    write_sheets(folder, [sheet("replace")])
    assert path.read_bytes() == before
    write_sheets(folder, [sheet("replace", pixels=PIXELS + 1)])
    assert path.read_bytes() != before
