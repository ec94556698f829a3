import gzip
import hashlib

import pytest
import torch

from collapsebench.core.errors import DataError, PluginError
from collapsebench.data import FOLDER, custom_idx, load_images
from collapsebench.data.idx import FILES, read_idx


def idx(*sizes, values=b""):
    return b"\x00\x00\x08" + bytes([len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes) + values


def test_an_array_by_hand():
    assert read_idx(idx(3, values=b"\x07\x02\xff"), "labels").tolist() == [7, 2, 255]
    assert read_idx(idx(1, 2, 2, values=bytes(range(4))), "images").tolist() == [[[0, 1], [2, 3]]]


@pytest.mark.parametrize(
    "stored",
    [b"", b"PNG", idx(3, values=b"ab"), idx(3, values=b"abcd"), b"\x00\x00\x0d\x01\x00\x00\x00\x00"],
    ids=["empty", "another format", "too short", "too long", "floats"],
)
def test_what_is_no_whole_array_is_refused(stored):
    with pytest.raises(DataError, match=r"'images' is not a whole idx file of bytes"):
        read_idx(stored, "images")


def images(n, side=2, value=7):
    return idx(n, side, side, values=bytes([value]) * (n * side * side))


def labels(*values):
    return idx(len(values), values=bytes(values))


GOOD = (images(4), labels(0, 1, 2, 0), images(4, value=9), labels(2, 1, 0, 0))
"""A data set of three classes, in the order of `FILES`."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of real data with the folder of a user in it."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


def written(folder, files=GOOD, pack=bytes, suffix="", **sizes):
    """The source of files that are put in the folder, with their own checksums and what they should hold."""
    for name, stored in zip(FILES, files, strict=True):
        (folder / f"{name}{suffix}").write_bytes(pack(stored))
    checksums = {name: hashlib.sha256(stored).hexdigest() for name, stored in zip(FILES, files, strict=True)}
    sizes = {"images": 4, "side": 2, "classes": 3, **sizes}
    return custom_idx("own", "own", checksums, **sizes)


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress)])
def test_files_are_read_plain_or_packed(folder, suffix, pack):
    train, test = load_images(written(folder, pack=pack, suffix=suffix))
    assert train.images.tolist() == [[7] * 4] * 4
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1, 2, 0], [2, 1, 0, 0])
    assert (train.images.dtype, train.labels.dtype) == (torch.uint8, torch.int64)
    assert test.images.tolist() == [[9] * 4] * 4


@pytest.mark.parametrize(
    ("place", "file", "message", "hint"),
    [
        (0, images(4, side=3), "images of 2×2 pixels, 'train-images-idx3-ubyte' others", "one set"),
        (0, idx(4, 2, 3, values=bytes(24)), "'train-images-idx3-ubyte' has images of the size 2×3", "square"),
        (0, idx(4, values=bytes(4)), "'train-images-idx3-ubyte' has images of the size 1", "square"),
        (1, labels(0, 1, 2), "'train-images-idx3-ubyte' has 4 images but 3 labels", "one set"),
        (3, labels(0, 1, 2), "'t10k-images-idx3-ubyte' has 4 images but 3 labels", "one set"),
        (1, labels(0, 1, 2, 3), "4 training images of 2×2 pixels and 4 classes, not 4 of 2×2 and 3", "classes: 4"),
        (1, labels(0, 2, 2, 0), "'train-labels-idx1-ubyte' should have every label from 0 to 2 .* see 1", "gaps"),
        (3, labels(0, 1, 2, 9), "'t10k-labels-idx1-ubyte' should have every label from 0 to 2 .* see 9", "gaps"),
    ],
)
def test_files_that_are_no_data_set_are_refused(folder, place, file, message, hint):
    source = written(folder, (*GOOD[:place], file, *GOOD[place + 1 :]))
    with pytest.raises(DataError, match=message) as caught:
        load_images(source)
    assert hint in caught.value.hint


@pytest.mark.parametrize("said", [{"images": 5}, {"side": 28}, {"classes": 10}])
def test_what_the_files_hold_is_said_as_parameters(folder, said):
    with pytest.raises(DataError, match="'own' holds 4 training images of 2×2 pixels and 3 classes") as caught:
        load_images(written(folder, **said))
    assert "images: 4, side: 2, classes: 3" in caught.value.hint


def test_checksums_that_nobody_gave_are_said_all_at_once(folder):
    source = written(folder)
    with pytest.raises(DataError, match="Nobody published checksums for the idx files in 'own'") as caught:
        load_images(custom_idx("own", "own", dict(source.sha256[:1]), 4, 2, 3))
    assert f'sha256: "{source.digest}"' in caught.value.hint


def test_a_missing_file_names_the_folder_and_what_should_lie_there(folder):
    source = written(folder)
    (folder / FILES[2]).unlink()
    with pytest.raises(DataError, match="Dataset 'custom' is missing") as caught:
        load_images(source)
    assert f"Set {FOLDER} to a folder with own/{{train,t10k}}-" in f"{caught.value.message} {caught.value.hint}"


def test_another_file_of_that_name_is_refused(folder):
    source = written(folder)
    (folder / FILES[0]).write_bytes(images(4, value=8))
    with pytest.raises(DataError, match="'train-images-idx3-ubyte' has the SHA-256"):
        load_images(source)


def test_a_damaged_archive_is_refused(folder):
    source = written(folder, pack=gzip.compress, suffix=".gz")
    (folder / f"{FILES[0]}.gz").write_bytes(gzip.compress(GOOD[0])[:-9])
    with pytest.raises(DataError, match=r"the archive 'train-images-idx3-ubyte.gz' is damaged"):
        load_images(source)


@pytest.mark.parametrize(
    ("folder_of_user", "checksums", "message"),
    [("", {}, "needs a folder"), ("own", {"labels": "0"}, "sha256 names the file 'labels'")],
)
def test_a_source_without_a_folder_or_with_unknown_files_is_refused(folder_of_user, checksums, message):
    with pytest.raises(PluginError, match=message) as caught:
        custom_idx("own", folder_of_user, checksums, 4, 2, 3)
    assert FILES[0] in caught.value.hint


def test_a_data_set_is_named_by_its_checksums(folder):
    one, other = written(folder), written(folder, (images(4, value=3), *GOOD[1:]))
    assert one.digest != other.digest
    assert all(name in one.digest for name in FILES)
