"""lm-eval's standard tasks from files on disk, for machines without a network.

The files hold whole evaluation splits, though not in lm-eval's columns; `tasks/*.yaml` and the
readers here put each item to the model in the words of lm-eval's own task. Three sets have less than the
original: HellaSwag 1,000 items (mostly the easier ActivityNet part), Social IQa two answers of three and
CommonsenseQA four of five. Their scores cannot be compared with published ones.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...data.files import DataFile, content, data_path

YAML_FOLDER = Path(__file__).parent / "tasks"
"""The folder of their YAMLs; the task of `piqa.yaml` is `local_piqa`."""

Record = Mapping[str, Any]


@dataclass(frozen=True)
class LocalSet:
    """An evaluation set on disk.

    Args:
        path: below the folder of real data, without `.gz` or `.xz`.
        sha256: of the uncompressed file.
        read: a record of the file as the fields that the YAML names.
    """

    path: str
    sha256: str
    read: Callable[[Record], Record] = dict


def _sequel(record: Record) -> Record:
    """A cause or effect; lm-eval has a blank before each answer, and no comma."""
    query = re.sub(r", (because|therefore)$", r" \1", record["query"])
    return {**record, "query": query, "choices": [f" {choice}" for choice in record["choices"]]}


def _answers_in_words(record: Record) -> Record:
    """Social IQa with the answers themselves to choose from, not their letters."""
    pattern = r"Context: (.*)\nQuestion: (.*)\nChoices:\nA\. (.*)\nB\. (.*)\nAnswer:"
    match = re.fullmatch(pattern, record["query"])
    assert match is not None
    context, question, *choices = match.groups()
    return {"query": f"Q: {context} {question}", "choices": choices, "gold": record["gold"]}


def _ending(record: Record) -> Record:
    from lm_eval.tasks.hellaswag.utils import preprocess

    context = f"{record['activity_label']}: {record['ctx_a']} {record['ctx_b'].capitalize()}"
    endings = [preprocess(ending) for ending in record["endings"]]
    return {"query": preprocess(context), "choices": endings, "gold": record["label"]}


SETS: Mapping[str, LocalSet] = {
    "arc_challenge": LocalSet(
        "lm_eval_sets/arc_challenge.jsonl", "1ae3aeedf1951d881cbd5c2e3a31e78a1993d251479afbe4cb413b6707244636"
    ),
    "arc_easy": LocalSet(
        "lm_eval_sets/arc_easy.jsonl", "d2d12e59543acf9a5ef6079634a72b30215e36c2fd4236fff3bc855d287b87f5"
    ),
    "blimp": LocalSet(
        "blimp/blimp_67x1000.tar",
        "d1c2a15e01fd06aa82edb341727026199053c41157cc831aa30d0cc69f8f0345",
        lambda record: {"context": "", "sentences": [record["sentence_good"], record["sentence_bad"]]},
    ),
    "boolq": LocalSet(
        "lm_eval_sets/boolq.jsonl",
        "454ff101e614370bb1807fe7ebbda6fdb57e794b9662cc1ccae211bf1ff626c8",
        lambda record: {**record, "query": record["query"].removeprefix("Passage: ")},
    ),
    "commonsense_qa": LocalSet(
        "lm_eval_sets/commonsense_qa.jsonl", "2771f63f8127c0725b1f6b0ef2cd2ef6469168ae5875fc8d276b25b4f32c8c1a"
    ),
    "copa": LocalSet(
        "lm_eval_sets/copa.jsonl", "595dca44dec54c849490bd403a3e24a29e3b944065783222ebb0eb1a55298846", _sequel
    ),
    "hellaswag": LocalSet(
        "lm_eval_sets/hellaswag_val_1000.jsonl",
        "79b87117cffba9878961284f233797c5ebeba4193cb48a93eabc4a5a1156cc45",
        _ending,
    ),
    "lambada_openai": LocalSet(
        "lm_eval_sets/lambada_openai.jsonl", "411bfbe5b9054346b6a19299c0242670adbefb9162efd958593cbc0290b8c9dc"
    ),
    "openbookqa": LocalSet(
        "lm_eval_sets/openbook_qa.jsonl", "adb2e5c7f8db810ddad4d6b2bf53dcc86dcc545499f7aafcaf42a8e179476c09"
    ),
    "piqa": LocalSet("lm_eval_sets/piqa.jsonl", "d2870e73aec5154df3faf259b7700876e11608eebdf69e9d6667435673dbe4e0"),
    "social_iqa": LocalSet(
        "lm_eval_sets/siqa.jsonl", "2722a2c30a08dfaee4c5210eeb318dc82c73d675bda32a920b749ae4e2b89598", _answers_in_words
    ),
    "winogrande": LocalSet(
        "lm_eval_sets/winogrande.jsonl", "ea1592526f3bfdd0948ed3acb1b4dfa3f83d23698917118688ee1df7f8d4b8d7"
    ),
}
"""lm-eval's name -> the set. Of BLiMP, lm-eval's `blimp_<phenomenon>` are parts."""


def set_of(name: str) -> str:
    """The set that an lm-eval task is, or is part of, if it is one of them."""
    return "blimp" if name.startswith("blimp_") else name


def at_hand(name: str) -> bool:
    """Whether the folder of real data has the file of this task."""
    local = SETS.get(set_of(name))
    return local is not None and any(data_path(local.path + suffix).is_file() for suffix in ("", ".gz", ".xz"))


def lm_eval_documents(name: str, limit: int | None = None) -> list[Record]:
    """The items of an lm-eval task from its file.

    `Suite(YAML_FOLDER, {f"local_{set_of(name)}": lm_eval_documents(name)}, tokenizer)` scores them.

    Args:
        name: one of `SETS`, or `blimp_<phenomenon>`.
        limit: items, the same at every call; of all of BLiMP, items of each of its 67 phenomena. None for all.

    Raises:
        DataError: the file is missing, damaged or another version.
        UsageError: BLiMP has no such phenomenon.
    """
    local = SETS[set_of(name)]
    raw = content(name, DataFile(local.path, local.sha256), None, local.path)
    parts = _parts(raw, name) if local is SETS["blimp"] else [raw.decode()]
    return [local.read(record) for part in parts for record in _some(part, limit)]


def _parts(archive: bytes, name: str) -> list[str]:
    """The files of BLiMP, one for each phenomenon: all of them, or the one that is asked for."""
    from ...core.errors import unknown_name

    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        parts = {f"blimp_{Path(member.name).stem}": tar.extractfile(member) for member in tar if member.isfile()}
        if name != "blimp" and name not in parts:
            raise unknown_name("lm-eval task", name, parts)
        wanted = parts.values() if name == "blimp" else [parts[name]]
        return [part.read().decode() for part in wanted if part is not None]


def _some(lines: str, limit: int | None) -> list[Record]:
    """Records, one per line; only a line feed ends a line."""
    from .suite import subset

    rows = [line for line in lines.split("\n") if line]
    return [json.loads(rows[i]) for i in (range(len(rows)) if limit is None else subset(len(rows), limit))]
