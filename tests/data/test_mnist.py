"""MNIST's files by hand, and each way in which they can be wrong."""

import gzip
import hashlib

import pytest
import torch

from collapsebench.core.errors import DataError
from collapsebench.data import FOLDER, DataFile, mnist
from collapsebench.data.mnist import labelled_images, read_idx


def idx(*sizes: int, values: bytes) -> bytes:
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


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(2, 32, 32), torch.tensor([1, 2]), "'x' has images of the size 32×32, not 28×28"),
        (torch.zeros(2, 28, 28), torch.tensor([1, 2, 3]), "'x' has 2 images but 3 labels"),
        (torch.zeros(2, 28, 28), torch.tensor([1, 10]), "The labels of 'x' go up to 10, not 9"),
    ],
)
def test_images_that_are_not_mnists_are_refused(images, labels, message):
    with pytest.raises(DataError, match=message) as caught:
        labelled_images(images, labels, "x")
    assert caught.value.hint


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of real data with the test set's files as `files` below says they should be."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    (tmp_path / "mnist").mkdir()
    return tmp_path / "mnist"


@pytest.fixture
def two(monkeypatch):
    """A data set of two images, as the published checksums."""
    contents = {"images": idx(2, 28, 28, values=bytes(784) + bytes([255]) * 784), "labels": idx(2, values=b"\x03\x09")}
    files = {what: DataFile(f"mnist/{what}", hashlib.sha256(c).hexdigest()) for what, c in contents.items()}
    monkeypatch.setattr(mnist, "_TRAIN_IMAGES", files["images"])
    monkeypatch.setattr(mnist, "_TEST_IMAGES", files["images"])
    monkeypatch.setattr(mnist, "_TRAIN_LABELS", files["labels"])
    monkeypatch.setattr(mnist, "_TEST_LABELS", files["labels"])
    mnist.load_mnist.cache_clear()
    yield contents
    mnist.load_mnist.cache_clear()


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress)])
def test_files_are_read_plain_or_packed(folder, two, suffix, pack):
    for what, content in two.items():
        (folder / f"{what}{suffix}").write_bytes(pack(content))
    images, labels = mnist.load_mnist().train
    assert images.shape == (2, 784)
    assert images[:, 0].tolist() == [0, 255]
    assert labels.tolist() == [3, 9]


def test_a_missing_file_names_the_folder_and_what_should_lie_there(folder, two):
    with pytest.raises(DataError, match="Dataset 'mnist' is missing") as caught:
        mnist.load_mnist()
    assert f"Set {FOLDER} to a folder with mnist/{{train,t10k}}-" in f"{caught.value.message} {caught.value.hint}"


def test_another_file_of_that_name_is_refused(folder, two):
    (folder / "images").write_bytes(two["images"][:-1] + b"\x00")
    with pytest.raises(DataError, match="'images' has the SHA-256"):
        mnist.load_mnist()


def test_a_damaged_archive_is_refused(folder, two):
    (folder / "images.gz").write_bytes(gzip.compress(two["images"])[:40])
    with pytest.raises(DataError, match=r"the archive 'images.gz' is damaged"):
        mnist.load_mnist()
