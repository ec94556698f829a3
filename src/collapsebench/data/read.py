"""Readers: the content of a file as documents."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..core.errors import DataError

SEPARATOR = "<|endoftext|>"
"""What stands between stories in plain text."""


class Document(NamedTuple):
    """A text, and the prompt that it answers ("" for a text that stands by itself).

    The blanks between the two belong to the text, as lm-eval has it.
    """

    text: str
    prompt: str = ""

    @property
    def whole(self) -> str:
        """The prompt, if any, and the text."""
        return self.prompt + self.text


def read(content: bytes, form: str, name: str) -> list[Document]:
    """The documents of a file, in its order; `form` is one of `FORMATS`, `name` is for messages.

    Raises:
        DataError: not UTF-8, records that do not say what their text is, an empty text, or no document at all.
    """
    try:
        documents = FORMATS[form](content)
    except (ValueError, KeyError, TypeError, OSError) as error:  # bad UTF-8 and bad JSON are ValueErrors
        raise DataError(f"'{name}' is not readable as {form}: {error}.", "Check that it is the right file.") from error
    if not documents:
        raise DataError(f"'{name}' has no text.", "Give a file with at least one document.")
    if empty := [i for i, document in enumerate(documents, 1) if not document.text.strip()]:
        raise DataError(f"'{name}': the text of record {empty[0]} is empty.", "Leave the record out.")
    return documents


def _records(content: bytes) -> list[Document]:
    """One JSON record per line. Only a line feed ends a line: texts may hold other Unicode line ends."""
    return [_document(json.loads(line)) for line in content.decode().split("\n") if line.strip()]


def _stories(content: bytes) -> list[Document]:
    """Texts between separators; nothing between two separators is no text."""
    pieces = (piece.strip() for piece in content.decode().split(SEPARATOR))
    return [Document(piece) for piece in pieces if piece]


def _whole(content: bytes) -> list[Document]:
    return [Document(text)] if (text := content.decode()).strip() else []


def _lines_of_parquet(content: bytes) -> list[Document]:
    """The column `text`, which holds one line per row and nothing for a blank one, as one document."""
    import pandas

    rows = pandas.read_parquet(io.BytesIO(content), columns=["text"])["text"]
    return [Document("".join(row or "\n" for row in rows))]


def _document(record: str | Mapping[str, Any]) -> Document:
    """A record is a text, `{text}`, `{prompt, response}` or `{instruction, input, output}`."""
    if isinstance(record, str):
        return Document(record)
    if "text" in record:
        return Document(_text(record["text"]))
    if "response" in record:
        return _answer(_text(record["prompt"]), _text(record["response"]))
    if "output" in record:
        parts = (_text(record["instruction"]), _text(record.get("input", "")))
        return _answer("\n\n".join(part for part in parts if part), _text(record["output"]))
    raise ValueError(f"a record has the keys {sorted(record)}, none of text, response or output")


def _answer(prompt: str, response: str) -> Document:
    """A pair, parted by the blanks that the prompt ends with, or by an empty line."""
    stripped = prompt.rstrip()
    return Document((prompt[len(stripped) :] or "\n\n") + response if response.strip() else "", stripped)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is {type(value).__name__}, not a string")
    return value


FORMATS: dict[str, Callable[[bytes], list[Document]]] = {
    "jsonl": _records,
    "json": lambda content: [_document(record) for record in json.loads(content)],
    "stories": _stories,
    "text": _whole,
    "parquet": _lines_of_parquet,
}
"""Name -> reader."""
