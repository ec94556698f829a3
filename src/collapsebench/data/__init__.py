"""Real text: where it lies, how it is checked and read, and whether held-out text leaked into training."""

from .contamination import Contamination as Contamination
from .contamination import check_contamination as check_contamination
from .files import FOLDER as FOLDER
from .files import DataFile as DataFile
from .files import Hub as Hub
from .files import data_path as data_path
from .mnist import MNIST_DIGEST as MNIST_DIGEST
from .mnist import Images as Images
from .mnist import load_mnist as load_mnist
from .read import FORMATS as FORMATS
from .read import Document as Document
from .sources import CUSTOM as CUSTOM
from .sources import SOURCES as SOURCES
from .sources import Source as Source
from .sources import Splits as Splits
from .sources import custom as custom
from .sources import fetch as fetch
from .sources import find as find
from .sources import load as load
from .split import split as split
from .split import whole as whole
