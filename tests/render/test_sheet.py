from pathlib import Path

import torch

from collapsebench import Corpus, Task
from collapsebench.render.sheet import arranged, belongs, pictured, png, sheet_of, shows


def grey(*values: int, side: int = 28) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1).expand(-1, side, side)


class Greys(Task):
    """Examples whose pictures are of one grey."""

    def real(self, n, rng): ...

    def learner(self, rng): ...

    def evaluate(self, learner, start, rng): ...

    def pictures(self, corpus):
        return grey(*corpus["grey"].tolist())


def corpus(greys: list[int], labels: list[int] | None = None) -> Corpus:
    columns = {"grey": torch.tensor(greys)}
    return Corpus(columns if labels is None else columns | {"label": torch.tensor(labels)})


def row(sheet: torch.Tensor, t: int) -> list[int]:
    """The grey in the middle of each place."""
    return sheet[30 * t + 16, 16::30].tolist()


def test_rows_are_generations_and_a_gap_is_two_pixels_wide() -> None:
    sheet = arranged([grey(10, 20, 30), grey(40, 50)])
    assert sheet.shape == (2 * 30 + 2, 3 * 30 + 2)
    assert sheet[16, 16::30].tolist() == [10, 20, 30]
    assert sheet[46, 16::30].tolist() == [40, 50, 102]
    assert sheet[:2].unique().tolist() == [102]


def test_small_pictures_are_enlarged_by_a_whole_factor() -> None:
    picture = torch.tensor([[[0, 255], [255, 0]]], dtype=torch.uint8).repeat(1, 4, 4)
    sheet = arranged([picture])
    assert sheet.shape == (4 * 8 + 4, 4 * 8 + 4)
    assert sheet[2:6, 2:10].equal(torch.tensor([0] * 4 + [255] * 4, dtype=torch.uint8).expand(4, 8))


def test_a_row_shows_the_first_examples() -> None:
    sheet = sheet_of(Greys(), [corpus([17, 34, 51]), corpus([*range(0, 255, 17), *range(0, 255, 17)])])
    assert row(sheet, 0) == [17, 34, 51, *[102] * 17]
    assert row(sheet, 1) == [*range(0, 255, 17), *range(0, 85, 17)]


def test_every_class_has_its_columns_and_a_lost_one_leaves_them_empty() -> None:
    real = corpus([17, 34, 51, 68, 85], labels=[7, 3, 7, 3, 7])
    sheet = sheet_of(Greys(), [real, corpus([204], labels=[7])])
    assert row(sheet, 0) == [34, 68, *[102] * 8, 17, 51, 85, *[102] * 7]
    assert row(sheet, 1) == [*[102] * 10, 204, *[102] * 9]


def test_of_very_many_classes_the_first_are_shown() -> None:
    assert row(sheet_of(Greys(), [corpus([17] * 30, labels=list(range(30)))]), 0) == [17] * 20


def test_greys_are_the_nearest_of_sixteen() -> None:
    assert row(sheet_of(Greys(), [corpus([0, 8, 9, 25, 26, 246, 247, 255])]), 0)[:8] == [
        0,
        0,
        17,
        17,
        34,
        238,
        255,
        255,
    ]


def test_a_task_without_pictures_has_no_sheet(toy) -> None:
    assert pictured(Greys()) and not pictured(toy.Toy())
    assert sheet_of(toy.Toy(), [Corpus({"x": torch.zeros(2)})]) is None


def test_a_file_says_what_it_shows(tmp_path: Path) -> None:
    sheet, other = arranged([grey(10, 20)]), arranged([grey(10, 21)])
    path = tmp_path / "sheet.png"
    assert not shows(path, sheet, "c0ffee")
    path.write_bytes(png(sheet, "c0ffee"))
    assert shows(path, sheet, "c0ffee")
    assert not shows(path, other, "c0ffee")
    assert not shows(path, sheet, "c0ff")
    assert png(sheet, "c0ffee") == path.read_bytes()


def test_a_file_says_whose_it_is(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    assert not belongs(path)
    path.write_bytes(png(arranged([grey(10)]), "c0ffee"))
    assert belongs(path) and belongs(path, "c0ffee")
    assert not belongs(path, "c0ff")
    path.write_bytes(b"another picture")
    assert not belongs(path)


def test_the_file_holds_the_pixels(tmp_path: Path) -> None:
    from PIL import Image

    sheet = arranged([grey(10, 20)])
    (tmp_path / "sheet.png").write_bytes(png(sheet, "c0ffee"))
    with Image.open(tmp_path / "sheet.png") as image:
        assert (image.mode, image.size) == ("L", (62, 32))
        assert image.getpixel((16, 16)) == 10
