"""Where real text comes from, and each way in which it can be wrong."""

import gzip
import hashlib
import json
import lzma

import pytest

from collapsebench import PluginError
from collapsebench.core.errors import DataError
from collapsebench.data import FOLDER, SOURCES, Document, custom, find, load


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def stories(text, name="own.jsonl", form="jsonl"):
    """The user's own file with the checksum of `text`."""
    return custom(name, "", form).with_checksums({name: sha256(text)})


def test_two_stories_by_hand(put):
    put("own.jsonl", text := '{"text": "One."}\n{"text": "Two."}\n')
    assert load(stories(text)) == ([Document("One."), Document("Two.")], [])


@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)])
def test_the_checksum_is_that_of_the_content_however_it_is_packed(folder, suffix, pack):
    text = '"One."\n'
    (folder / f"own.jsonl{suffix}").write_bytes(pack(text.encode()))
    assert load(stories(text)).train == [Document("One.")]


def test_only_a_line_feed_ends_a_record(put):
    """A text may hold a Unicode line separator, as some instruction data do."""
    text = json.dumps({"text": "a\u2028b\x85c"}, ensure_ascii=False) + "\n"
    put("own.jsonl", text)
    assert load(stories(text)).train == [Document("a\u2028b\x85c")]


@pytest.mark.parametrize(
    ("form", "text", "documents"),
    [
        ("jsonl", '"Once."\n"Twice."', [Document("Once."), Document("Twice.")]),
        ("jsonl", '{"prompt": "Q:\\n", "response": "A"}', [Document("\nA", "Q:")]),
        ("jsonl", '{"prompt": "Q?", "response": "A"}', [Document("\n\nA", "Q?")]),
        ("json", '[{"instruction": "Add.", "input": "1 2", "output": "3"}]', [Document("\n\n3", "Add.\n\n1 2")]),
        ("json", '[{"instruction": "Hi.", "input": "", "output": "Ho."}]', [Document("\n\nHo.", "Hi.")]),
        ("stories", "One.\n<|endoftext|>\n\n<|endoftext|>\nTwo.\n<|endoftext|>", [Document("One."), Document("Two.")]),
        ("text", " = A = \n b\n", [Document(" = A = \n b\n")]),
    ],
)
def test_every_form_of_file(put, form, text, documents):
    put("own", text)
    assert load(stories(text, "own", form)).train == documents


def test_wikitext_as_the_hub_has_it(folder):
    """One line per row; a blank line is an empty row."""
    pandas = pytest.importorskip("pandas")
    file = folder / "own.parquet"
    pandas.DataFrame({"text": ["", " = A = \n", "", " b\n"]}).to_parquet(file)
    source = custom("own.parquet", "", "parquet")
    source = source.with_checksums({"own.parquet": hashlib.sha256(file.read_bytes()).hexdigest()})
    assert load(source).train == [Document("\n = A = \n\n b\n")]


def test_without_data_and_network_one_message_says_what_to_do(monkeypatch):
    monkeypatch.delenv(FOLDER, raising=False)
    for name in ("tinystories", "babistories"):
        with pytest.raises(DataError) as error:
            load(find(name))
        said = error.value.message
        assert f"'{name}'" in said
        assert FOLDER in said
        assert SOURCES[name].train.path in said
        assert SOURCES[name].heldout.path in said
        assert error.value.exit_code == 2


def test_a_folder_without_the_file_is_named(folder):
    with pytest.raises(DataError, match=str(folder)) as error:
        load(find("tinystories_lower"))
    assert "tinystories/v1_train_lower.jsonl" in error.value.message


@pytest.mark.parametrize("suffix", [".xz", ".gz"])
def test_a_damaged_archive(folder, suffix):
    whole = {".xz": lzma.compress, ".gz": gzip.compress}[suffix](b'"One."\n' * 99)
    for damaged in (whole[:-9], b"not an archive"):
        (folder / f"own.jsonl{suffix}").write_bytes(damaged)
        with pytest.raises(DataError, match=rf"the archive 'own\.jsonl{suffix}' is damaged"):
            load(stories('"One."\n' * 99))


def test_a_wrong_checksum(put):
    put("tinystories/v1_train_lower.jsonl.xz", [{"text": "Another story."}])
    with pytest.raises(DataError, match=r"'v1_train_lower.jsonl.xz' has the SHA-256 .*, not 3454bf743bb6"):
        load(find("tinystories_lower"))


def test_a_file_without_a_published_checksum_wants_one_from_its_user(put):
    put("BabiStories/data/traindataset.txt", text := '"One."\n')
    put("BabiStories/data/valdataset.txt", "")
    with pytest.raises(DataError, match="no published checksum") as error:
        load(find("babistories"))
    assert f"traindataset.txt:{sha256(text)}" in error.value.hint


def test_babistories_is_read_as_tinystories_is(put):
    put("BabiStories/data/traindataset.txt", train := '"One."\n"Two."\n')
    put("BabiStories/data/valdataset.txt", heldout := '"Three."\n')
    given = {"traindataset.txt": sha256(train), "valdataset.txt": sha256(heldout)}
    source = find("babistories").with_checksums(given)
    assert load(source) == ([Document("One."), Document("Two.")], [Document("Three.")])
    assert sha256(train) in source.digest


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        ("jsonl", '"One."\n"  "\n', r"the text of record 2 is empty"),
        ("jsonl", "\n\n", "has no text"),
        ("stories", "\n<|endoftext|>\n", "has no text"),
        ("text", " \n", "has no text"),
        ("jsonl", '{"text": 1}', "a text is int"),
        ("jsonl", '{"body": "One."}', r"keys \['body'\]"),
        ("jsonl", "One.", "not readable as jsonl"),
        ("parquet", "One.", "not readable as parquet"),
    ],
)
def test_empty_and_unreadable_text(put, form, text, said):
    put("own", text)
    with pytest.raises(DataError, match=said):
        load(stories(text, "own", form))


def test_text_that_is_not_utf_8(folder):
    (folder / "own").write_bytes(content := b"caf\xe9")
    source = custom("own", "", "text").with_checksums({"own": hashlib.sha256(content).hexdigest()})
    with pytest.raises(DataError, match="not readable as text"):
        load(source)


def test_wrong_names():
    with pytest.raises(PluginError) as error:
        find("tinystory_lower")
    assert "tinystories_lower" in error.value.hint
    with pytest.raises(PluginError, match="Unknown format 'csv'"):
        custom("own.csv", "", "csv")
    with pytest.raises(PluginError, match="needs a file"):
        custom("", "", "jsonl")
    with pytest.raises(PluginError, match=r"sha256 names the file 'train\.txt'"):
        find("babistories").with_checksums({"train.txt": "0" * 64})
    with pytest.raises(PluginError, match="published SHA-256"):
        find("tinystories_lower").with_checksums({"v1_train_lower.jsonl": "0" * 64})


@pytest.mark.parametrize(
    ("name", "train", "heldout"),
    [
        ("tinystories_lower", 5079, 0),
        ("tinystories_cased", 2316, 0),
        ("wikitext2_valid", 1, 1),
        ("instruct", 1000, 0),
        ("instruct_alpaca", 999, 0),
    ],
)
def test_the_real_files(real_data, name, train, heldout):
    splits = load(find(name))
    assert (len(splits.train), len(splits.heldout)) == (train, heldout)
    assert all(bool(document.prompt) == name.startswith("instruct") for document in splits.train)


def test_the_same_source_is_looked_for_again_in_another_folder(tmp_path, monkeypatch):
    source = stories("One.", "own.txt", "stories")
    (tmp_path / "own.txt").write_text("One.")
    monkeypatch.setenv(FOLDER, str(tmp_path))
    assert load(source).train == [Document("One.")]
    monkeypatch.setenv(FOLDER, str(tmp_path / "another"))
    with pytest.raises(DataError, match="missing"):
        load(source)
