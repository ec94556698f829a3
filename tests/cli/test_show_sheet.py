import pytest
import yaml

from collapsebench.core.method import references
from collapsebench.render.files import stale_pages

WORLDS = {"preserve": {}}
RULES = {"n": 30, "budget": {"steps": 3, "batch": 8}, "params": {"width": 8, "latent": 2}, "worlds": WORLDS}

RUN = (
    *("run", "--protocol", "small.yaml", "--method", "replace", "--workers", "0"),
    *("--store", "store", "--boards", "boards"),
)


@pytest.fixture
def ran(cli, tmp_path, toy_file):
    """A run of two generations on `digits`."""
    protocol = {"name": "small", "version": 1, "description": "Small.", "generations": 2, "seeds": 1}
    tasks = {"digits": RULES, "gaussian": {"n": 9, "worlds": WORLDS}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump({**protocol, "tasks": tasks}))
    cli(*RUN)
    return tmp_path


def test_a_sheet_has_a_row_per_generation(cli, ran):
    from PIL import Image

    assert "Wrote sheet.png." in cli("show", "digits/replace/0", "--sheet", "sheet.png", "--store", "store").out
    with Image.open(ran / "sheet.png") as image:
        assert image.size == (20 * (4 * 8 + 2) + 2, 3 * (4 * 8 + 2) + 2)
        assert image.getextrema()[1] > 200


def test_what_has_no_pictures_is_said(console, ran):
    shown = console("show", "gaussian/replace/0", "--sheet", "sheet.png", "--store", "store")
    assert shown.code == 2
    assert "The examples of 'gaussian' are not pictures" in shown.err


def test_a_run_leaves_a_sheet_of_every_entry_beside_its_board(cli, ran):
    from PIL import Image

    samples = ran / "boards" / "small" / "samples"
    sheets = [f"digits-preserve-{name}.png" for name in references("preserve")]
    assert sorted(path.name for path in samples.iterdir()) == sheets
    pages = "".join(path.read_text(encoding="utf-8") for path in samples.parent.glob("*.md"))
    assert [name for name in sheets if f"](samples/{name})" not in pages] == []
    cli("show", "digits/replace/0", "--sheet", "sheet.png", "--store", "store")
    assert (samples / "digits-preserve-replace.png").read_bytes() == (ran / "sheet.png").read_bytes()
    kept, replaced = (samples / f"digits-preserve-{name}.png" for name in ("frozen", "replace"))
    with Image.open(kept) as frozen, Image.open(replaced) as replace:
        top = (0, 0, frozen.width, 2 * 34 + 2)  # D_0 and S_1 are the same data
        assert frozen.crop(top).tobytes() == replace.crop(top).tobytes()
        assert frozen.tobytes() != replace.tobytes()


def test_a_sheet_that_is_missing_is_drawn_by_the_next_run_without_training(cli, ran, monkeypatch):
    from collapsebench.learners.image.vae import ConditionalVAE

    samples = ran / "boards" / "small" / "samples"
    before = {path: path.read_bytes() for path in samples.iterdir()}
    for path in before:
        path.unlink()
    monkeypatch.setattr(ConditionalVAE, "fit", None)
    cli(*RUN)
    assert {path: path.read_bytes() for path in samples.iterdir()} == before
    assert stale_pages(samples.parent) == []


def test_pictures_that_cannot_be_drawn_cost_nothing_but_the_sheet(cli, ran, monkeypatch):
    from collapsebench.families.image import ImageTask

    def fail(self, corpus):
        raise ValueError("too dark")

    monkeypatch.setattr(ImageTask, "pictures", fail)
    again = cli(*RUN)
    assert again.code == 0
    assert "No sheet of samples of replace on digits/preserve, seed 0: ValueError: too dark" in again.err
