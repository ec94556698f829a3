"""The table of real corpora: licence, files with checksums, and the hub's pinned revision.

Checksums of the small files are those of the texts themselves; those of TinyStories, WikiText-2 and
HelpSteer2 are the hub's at the pinned revisions. BabiStories is published as an archive in five parts
(github.com/facebookresearch/MemoryMosaics, BabiStories/data/babistories-dataset.7z.001 to .005, at commit
1fff63bf1c754f87a4c1f370e02f30a259b6e825) without checksums of what is inside, so its user gives them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from ..core.errors import DataError, PluginError, unknown_name
from .files import DataFile, Hub, content, found, read_once
from .read import FORMATS, Document, read

CUSTOM = "custom"
"""The source whose files a user names."""


class Splits(NamedTuple):
    """Documents to train on, and held-out ones where a source has a file of them."""

    train: list[Document]
    heldout: list[Document]


@dataclass(frozen=True)
class Source:
    """A corpus.

    Args:
        name: as a task's parameter `source` gives it.
        title: what people call it.
        form: how its files are read, one of `FORMATS`.
        heldout: the file that models are evaluated on, or None to hold out a part of `train`.
        hub: where the files come from if they are not in the folder of real data.
    """

    name: str
    title: str
    licence: str
    form: str
    train: DataFile
    heldout: DataFile | None = None
    hub: Hub | None = None

    @property
    def files(self) -> tuple[DataFile, ...]:
        """Its files."""
        return (self.train,) if self.heldout is None else (self.train, self.heldout)

    @property
    def layout(self) -> str:
        """What the folder of real data should have, for messages."""
        return " and ".join(file.path for file in self.files)

    @property
    def digest(self) -> str:
        """Name and checksums: what a task's card says about its data."""
        return " ".join([self.name, *(f"{Path(file.path).name}:{file.sha256 or 'unknown'}" for file in self.files)])

    def with_checksums(self, sha256: Mapping[str, str]) -> Source:
        """This source with checksums for files that have none, by name of the file.

        Raises:
            PluginError: a name that is none of its files, or a checksum that is not the published one.
        """
        files = {Path(file.path).name: file for file in self.files}
        for name, checksum in sha256.items():
            if name not in files:
                raise PluginError(
                    f"sha256 names the file '{name}'; source '{self.name}' has {', '.join(files)}.",
                    "Give the name without its folder.",
                )
            if (known := files[name].sha256) and known != checksum:
                raise PluginError(f"The published SHA-256 of '{name}' is {known}, not {checksum}.", "Leave it out.")
            files[name] = replace(files[name], sha256=checksum)
        train, *heldout = files.values()
        return replace(self, train=train, heldout=heldout[0] if heldout else None)


_SHA256 = """
3454bf743bb6ca0b4f9097caaa988a4cdc2dcd6fbadf99e0f12315e6aa176892 tinystories/v1_train_lower.jsonl
54d87cd4a5572259bbfbd83c74d039cd2c95c21561004f4fbedcb049d4106391 tinystories/v1_train_cased.jsonl
c5cf5e22ff13614e830afbe61a99fbcbe8bcb7dd72252b989fa1117a368d401f tinystories/TinyStories-train.txt
94e431816c4cce81ff71e4408ff8d3bda9a42e8d2663986697c3954288cb38b4 tinystories/TinyStories-valid.txt
f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8 wikitext2/valid.txt
d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0 wikitext2/test.txt
e83889baabc497075506f91975be5fac0d45c5290b6b20582c8cd1e853d0c9f7 wikitext/wikitext-2-raw-v1/train-00000-of-00001.parquet
5f1bea067869d04849c0f975a2b29c4ff47d867f484f5010ea5e861eab246d91 wikitext/wikitext-2-raw-v1/test-00000-of-00001.parquet
8d2def6bcae096798cbff5c69fb5817599f80d0dab8548bd76b61c3faeb159d8 instruct/dolly_hhrlhf_train_small.jsonl
bcc37c64db1a739a0789a1b81f251146fcf4459f903474bc9e3c21bbb5628318 instruct/llamafactory_alpaca_en_demo.json
c0d7e91d738d42e8a08070db26c4c09a9c7631308e1f0fd380ff43d130c9f713 helpsteer2/train.jsonl.gz
610eeb5289494d613c4c0f70aade2df8df0b499f3a24e76d232f74e6909d010a helpsteer2/validation.jsonl.gz
"""


def _file(path: str, packed: bool = False) -> DataFile:
    published = {file: checksum for checksum, file in map(str.split, _SHA256.strip().splitlines())}
    return DataFile(path, published.get(path, ""), packed)


_TABLE = (
    Source(
        "tinystories_lower",
        "TinyStories, lower-cased",
        "CDLA-Sharing-1.0",
        "jsonl",
        _file("tinystories/v1_train_lower.jsonl"),
    ),
    Source(
        "tinystories_cased",
        "TinyStories, a selection",
        "CDLA-Sharing-1.0",
        "jsonl",
        _file("tinystories/v1_train_cased.jsonl"),
    ),
    Source(
        "tinystories",
        "TinyStories",
        "CDLA-Sharing-1.0",
        "stories",
        _file("tinystories/TinyStories-train.txt"),
        _file("tinystories/TinyStories-valid.txt"),
        Hub("roneneldan/TinyStories", "f54c09fd23315a6f9c86f9dc80f725de7d8f9c64", "tinystories/"),
    ),
    Source(
        "babistories",
        "BabiStories",
        "as facebookresearch/MemoryMosaics states it",
        "jsonl",
        _file("BabiStories/data/traindataset.txt"),
        _file("BabiStories/data/valdataset.txt"),
    ),
    Source(
        "wikitext2_valid",
        "WikiText-2, validation split",
        "CC BY-SA 3.0",
        "text",
        _file("wikitext2/valid.txt"),
        _file("wikitext2/test.txt"),
    ),
    Source(
        "wikitext2",
        "WikiText-2",
        "CC BY-SA 3.0",
        "parquet",
        _file("wikitext/wikitext-2-raw-v1/train-00000-of-00001.parquet"),
        _file("wikitext/wikitext-2-raw-v1/test-00000-of-00001.parquet"),
        Hub("Salesforce/wikitext", "b08601e04326c79dfdd32d625aee71d232d685c3", "wikitext/"),
    ),
    Source(
        "instruct",
        "Dolly and hh-rlhf prompts",
        "Apache-2.0, upstream CC BY-SA 3.0 and MIT",
        "jsonl",
        _file("instruct/dolly_hhrlhf_train_small.jsonl"),
    ),
    Source(
        "instruct_alpaca",
        "Alpaca-style instructions",
        "Apache-2.0",
        "json",
        _file("instruct/llamafactory_alpaca_en_demo.json"),
    ),
    Source(
        "helpsteer2",
        "HelpSteer2",
        "CC BY 4.0",
        "jsonl",
        _file("helpsteer2/train.jsonl.gz", packed=True),
        _file("helpsteer2/validation.jsonl.gz", packed=True),
        Hub("nvidia/HelpSteer2", "990b2711a36180dd19d9c94b8627844866f8982a", "helpsteer2/"),
    ),
)

SOURCES: dict[str, Source] = {source.name: source for source in _TABLE}
"""Name -> corpus. Sources of one JSON record per line, WikiText and instruction data are read in one way."""


def find(name: str) -> Source:
    """A source of the table.

    Raises:
        PluginError: unknown name; the hint is the nearest one.
    """
    if name not in SOURCES:
        error = unknown_name("source", name, [*SOURCES, CUSTOM])
        raise PluginError(error.message, error.hint)
    return SOURCES[name]


def custom(train: str, heldout: str, form: str) -> Source:
    """The source of a user's own files, in the folder of real data or anywhere; no `heldout` parts `train`.

    Raises:
        PluginError: no file, or an unknown format.
    """
    if not train:
        raise PluginError("The source 'custom' needs a file.", "Set the task's parameter file: PATH.")
    if form not in FORMATS:
        raise PluginError(f"Unknown format '{form}'.", f"Choose from: {', '.join(FORMATS)}.")
    return Source(
        CUSTOM,
        f"{Path(train).name} (your file)",
        "the user's",
        form,
        DataFile(train),
        DataFile(heldout) if heldout else None,
    )


def fetch(source: Source) -> list[Path]:
    """Where the files of a source lie; those that only the hub has are fetched.

    Raises:
        DataError: a file that is neither in the folder of real data nor to be had.
    """
    return [found(source.name, file, source.hub, source.layout) for file in source.files]


@read_once
def load(source: Source) -> Splits:
    """The documents of a source, read once per process.

    Raises:
        DataError: a file that is missing, damaged, another version or not readable, or that has an empty text.
    """
    contents = ((file, content(source.name, file, source.hub, source.layout)) for file in source.files)
    train, *heldout = (read(text, source.form, Path(file.path).name) for file, text in contents)
    if source.form in ("jsonl", "json") and len({bool(document.prompt) for document in train}) > 1:
        raise DataError(f"Some records of '{source.train.path}' have a prompt and others have none.")
    return Splits(train, heldout[0] if heldout else [])
