"""Real text: where it lies, how it is checked and read, and whether held-out text leaked into training."""

from .contamination import Contamination, check_contamination
from .files import FOLDER, DataFile, Hub, data_path
from .mnist import MNIST_DIGEST, Images, load_mnist
from .read import FORMATS, Document
from .sources import CUSTOM, SOURCES, Source, Splits, custom, fetch, find, load
from .split import split, whole

__all__ = [
    "CUSTOM",
    "FOLDER",
    "FORMATS",
    "MNIST_DIGEST",
    "SOURCES",
    "Contamination",
    "DataFile",
    "Document",
    "Hub",
    "Images",
    "Source",
    "Splits",
    "check_contamination",
    "custom",
    "data_path",
    "fetch",
    "find",
    "load",
    "load_mnist",
    "split",
    "whole",
]
