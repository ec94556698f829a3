"""Files of real data: found under COLLAPSEBENCH_DATA or on the Hugging Face hub, unpacked and checked."""

from __future__ import annotations

import gzip
import lzma
import os
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from ..core.errors import DataError, PluginError
from ..core.files import sha256

FOLDER = "COLLAPSEBENCH_DATA"
"""The environment variable that names the folder of real data."""

_UNPACK: dict[str, Callable[[bytes], bytes]] = {".xz": lzma.decompress, ".gz": gzip.decompress}


P = ParamSpec("P")
T = TypeVar("T")


def read_once(read: Callable[P, T]) -> Callable[P, T]:
    """Decorator: keep the newest results per folder of real data, which a process may change."""

    @lru_cache(maxsize=4)
    def kept(folder: str | None, *args: P.args, **kwargs: P.kwargs) -> T:
        return read(*args, **kwargs)

    return wraps(read)(lambda *args, **kwargs: kept(os.environ.get(FOLDER), *args, **kwargs))


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset.

    Args:
        path: in the folder of real data. There it may also lie packed, with `.xz` or `.gz` added.
        sha256: of the uncompressed content, so that packing does not matter; "" where nobody published one.
        packed: the checksum is that of the file as it is published, which is packed.
    """

    path: str
    sha256: str = ""
    packed: bool = False


@dataclass(frozen=True)
class Hub:
    """Where a dataset's files stand on the Hugging Face hub, at the commit that checksums were taken at.

    `folder` is the part of a file's local path that the repository does not have.
    """

    repo: str
    revision: str
    folder: str


def data_path(path: str) -> Path:
    """A path as a user gives it: from the folder of real data if one is named, else from the working folder."""
    return Path(os.environ.get(FOLDER, "")) / Path(path).expanduser()


def pairs(text: str, between: str, what: str) -> dict[str, str]:
    """The mapping that a text like "a=1 b=2" spells.

    Raises:
        PluginError: an entry without the sign between; the message says in what.
    """
    entries = [entry.partition(between) for entry in text.split()]
    if wrong := ["".join(entry) for entry in entries if not (entry[0] and entry[2])]:
        raise PluginError(f"{what}: '{wrong[0]}' is not NAME{between}VALUE.", "Part the entries by blanks.")
    return {name: value for name, _, value in entries}


def found(dataset: str, file: DataFile, hub: Hub | None, layout: str) -> Path:
    """Where a file lies: in the folder of real data, or in the hub's cache, fetched if there is a network.

    Args:
        dataset: for messages.
        file: what is wanted.
        hub: where it comes from if it is not in the folder.
        layout: the files that the folder should have, for messages.

    Raises:
        DataError: neither in the folder nor to be had from the hub.
    """
    whole = data_path(file.path)
    candidates = (whole, *(whole.with_name(whole.name + suffix) for suffix in _UNPACK))
    return next((path for path in candidates if path.is_file()), None) or _from_hub(dataset, file, hub, layout)


def unpacked(dataset: str, file: DataFile, hub: Hub | None, layout: str) -> bytes:
    """The uncompressed content of a file, whatever its checksum; the arguments are those of `found`.

    Raises:
        DataError: a missing file or a damaged archive.
    """
    return _unpacked(dataset, found(dataset, file, hub, layout))[1]


def content(dataset: str, file: DataFile, hub: Hub | None, layout: str) -> bytes:
    """The uncompressed, checked content of a file; the arguments are those of `found`.

    Raises:
        DataError: a missing file, a damaged archive, a wrong checksum, or none to compare with.
    """
    path = found(dataset, file, hub, layout)
    stored, whole = _unpacked(dataset, path)
    checksum = sha256(stored if file.packed else whole)
    if not file.sha256:
        name = Path(file.path).name
        raise DataError(
            f"Dataset '{dataset}' has no published checksum for '{name}'; the file here has {checksum}.",
            f"If it is the right file, set the task's parameter sha256 to '{name}:{checksum}'.",
        )
    if checksum != file.sha256:
        raise DataError(
            f"Dataset '{dataset}': '{path.name}' has the SHA-256 {checksum[:12]}..., not {file.sha256[:12]}....",
            "It is another version or damaged; fetch it again.",
        )
    return whole


def _unpacked(dataset: str, path: Path) -> tuple[bytes, bytes]:
    """A file as it is stored, and unpacked."""
    stored = path.read_bytes()
    try:
        return stored, _UNPACK.get(path.suffix, bytes)(stored)
    except (lzma.LZMAError, OSError, EOFError, zlib.error) as error:
        problem = f"Dataset '{dataset}': the archive '{path.name}' is damaged ({error})."
        raise DataError(problem, "Fetch it again.") from error


def _from_hub(dataset: str, file: DataFile, hub: Hub | None, layout: str) -> Path:
    """The file in the hub's cache, fetched if the network is there and allowed."""
    folder = os.environ.get(FOLDER)
    where = f"it is not under {FOLDER}={folder}" if folder else f"the environment variable {FOLDER} is not set"
    wanted = f"Set {FOLDER} to a folder with {layout} (plain, .xz or .gz)"
    if hub is None:
        raise DataError(f"Dataset '{dataset}' is missing: {where}, and no hub has it. {wanted}.")
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    name = file.path.removeprefix(hub.folder)
    try:
        return Path(hf_hub_download(hub.repo, name, repo_type="dataset", revision=hub.revision))
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, OSError) as error:
        raise DataError(
            f"Dataset '{dataset}' is missing: {where}, and the hub ({hub.repo}) cannot be reached. {wanted}, "
            "or run with a network and without HF_HUB_OFFLINE.",
            f"The hub's client said {type(error).__name__}.",
        ) from error
