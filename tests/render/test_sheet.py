from pathlib import Path

import torch

from collapsebench import Corpus
from collapsebench.render.sheet import arranged, png, sheet_of, shows


def grey(*values: int, side: int = 28) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1).expand(-1, side, side)


class Greys:
    """Examples whose pictures are of one grey, ten times their label."""

    def pictures(self, corpus: Corpus) -> torch.Tensor:
        return grey(*(10 * corpus["label"]).tolist())


def test_rows_are_generations_and_a_gap_is_two_pixels_wide() -> None:
    sheet = arranged([grey(10, 20, 30), grey(40, 50)])
    assert sheet.shape == (2 * 30 + 2, 3 * 30 + 2)
    assert sheet[16, 16::30].tolist() == [10, 20, 30]
    assert sheet[46, 16::30].tolist() == [40, 50, 96]
    assert sheet[:2].unique().tolist() == [96]


def test_small_pictures_are_enlarged_by_a_whole_factor() -> None:
    picture = torch.tensor([[[0, 255], [255, 0]]], dtype=torch.uint8).repeat(1, 4, 4)
    sheet = arranged([picture])
    assert sheet.shape == (4 * 8 + 4, 4 * 8 + 4)
    assert sheet[2:6, 2:10].equal(torch.tensor([0] * 4 + [255] * 4, dtype=torch.uint8).expand(4, 8))


def test_each_row_shows_the_first_examples_by_label() -> None:
    first = Corpus({"label": torch.tensor([3, 1, 2])})
    second = Corpus({"label": torch.arange(30)})
    sheet = sheet_of(Greys(), [first, second])
    assert sheet[16, 16:106:30].tolist() == [10, 20, 30]
    assert sheet[46, 16::30].tolist() == [10 * label for label in range(20)]


def test_a_file_says_what_it_shows(tmp_path: Path) -> None:
    sheet, other = arranged([grey(10, 20)]), arranged([grey(10, 21)])
    path = tmp_path / "sheet.png"
    assert not shows(path, sheet)
    path.write_bytes(png(sheet))
    assert shows(path, sheet)
    assert not shows(path, other)
    assert png(sheet) == path.read_bytes()


def test_the_file_holds_the_pixels(tmp_path: Path) -> None:
    from PIL import Image

    sheet = arranged([grey(10, 20)])
    (tmp_path / "sheet.png").write_bytes(png(sheet))
    with Image.open(tmp_path / "sheet.png") as image:
        assert (image.mode, image.size) == ("L", (62, 32))
        assert image.getpixel((16, 16)) == 10
