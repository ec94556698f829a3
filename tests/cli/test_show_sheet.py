import pytest
import yaml

RULES = {"n": 30, "budget": {"steps": 3, "batch": 8}, "params": {"width": 8, "latent": 2}}


@pytest.fixture
def ran(cli, tmp_path, toy_file):
    """A run of two generations on `digits`."""
    protocol = {"name": "small", "version": 1, "description": "Small.", "generations": 2, "seeds": 1}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump({**protocol, "tasks": {"digits": RULES, "gaussian": {"n": 9}}}))
    cli(
        *("run", "--protocol", "small.yaml", "--method", "replace", "--workers", "0"),
        *("--store", "store", "--boards", "boards"),
    )
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
    assert "The examples of 'gaussian' are no pictures" in shown.err
