"""The pages are true: links lead somewhere, commands and options exist, shown numbers are those of the board."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

import collapsebench
from collapsebench.cli import app
from collapsebench.core.context import Context, MeteredModel
from collapsebench.core.method import ACCESSES, NEEDS, references
from collapsebench.loop.protocol import parse_protocol, single_task
from collapsebench.loop.world import CURVE, QUESTIONS

ROOT = Path(__file__).parents[1]
_RANGE = type(collapsebench.Share)
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md")) + [ROOT / "benchmarks" / "README.md"]


def of_page(page):
    return str(page.relative_to(ROOT))


def commands(text):
    """The words after `collapsebench` in code of a page, with lines that end in a backslash joined."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    spans = re.findall(r"`(collapsebench [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in [*lines, *spans]:
        found = re.match(r"\s*(?:\$ )?(?:.* -m )?collapsebench (.+)", line)
        if found and re.match(r"[a-z-]", found[1]):
            yield shlex.split(found[1], comments=True)


def anchors(page):
    """The fragments that a Markdown page offers: headings, and explicit ids."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'id="([^"]+)"', text))


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://")):
            continue
        path, _, fragment = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if fragment and file.suffix == ".md":
            assert fragment in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=of_page)
def test_commands_and_their_options_exist(page):
    top = get_command(app)
    for words in commands(page.read_text(encoding="utf-8")):
        command, path = top, []
        while words and words[0] in getattr(command, "commands", {}):
            path.append(words[0])
            command = command.commands[words.pop(0)]
        assert path or words[0].startswith("-"), words
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= known, f"{' '.join(path)}: {sorted(used - known)}"


def test_a_page_with_a_wrong_option_is_noticed():
    (words,) = commands("```sh\n$ collapsebench run --metod replace  # a comment\n```")
    assert words == ["run", "--metod", "replace"]
    assert list(commands("The option of `collapsebench verify --sign` marks.")) == [["verify", "--sign"]]


def test_the_readme_answers_what_the_board_answers(monkeypatch):
    """`make boards` writes them anew."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    from readme import with_answers

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    told = re.search(r"<!-- answers of quick -->\n(.*?)\n<!-- end of answers -->", text, re.DOTALL)[1]
    assert [line.partition(":")[0] for line in told.splitlines()] == [
        *("- **To preserve", "- **On a polluted stream", "- **To grow", "- **What costs nothing")
    ]
    assert with_answers(text) == text
    assert with_answers(text.replace(told, "an older board")) == text


def test_the_page_on_the_api_names_all_that_a_plugin_may_use():
    page = (ROOT / "docs" / "plugin-api.md").read_text(encoding="utf-8")
    asked = {name for name in vars(Context) if not name.startswith("_")}
    missing = [name for name in asked if f"`ctx.{name}" not in page]
    missing += [name for name in (*ACCESSES, *NEEDS) if f"`{name}`" not in page and f'{{"{name}"}}' not in page]
    missing += [name for name in vars(MeteredModel) if not name.startswith("_") and f"| `{name}(" not in page]
    missing += [name for name, value in vars(collapsebench).items() if isinstance(value, _RANGE) and name not in page]
    assert missing == []


def test_the_page_on_worlds_writes_every_default_of_every_kind():
    page = (ROOT / "docs" / "worlds.md").read_text(encoding="utf-8")
    written, common = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    told = parse_protocol(written + common, "docs/worlds.md")
    names = [*told.tasks["gaussian"].worlds, CURVE]
    kinds = dict.fromkeys(names, "purify-outside") | {kind: kind for kind in QUESTIONS}
    assert {"web", *QUESTIONS} == set(names)
    plain = parse_protocol(written[: written.index("      preserve:")] + "      preserve: {}\n", "plain")
    for name in names[:-1]:
        usual = single_task("gaussian", plain.generations, n=100, worlds={name: {"kind": kinds[name]}})
        assert told.world("gaussian", name) == usual.world("gaussian", name), name
    for question in set(QUESTIONS.values()) - {QUESTIONS[CURVE]}:
        (row,) = re.findall(rf"^\| {question.name} \| `(\w+)`.*?\| `(\w+)`.*$", page, re.MULTILINE)
        assert row == (question.floor, question.ceiling)
        (line,) = re.findall(rf"^\| {question.name} \| `.*$", page, re.MULTILINE)
        assert set(references(question.name)) == set(re.findall(r"`(\w+)`", line))


def test_what_shows_a_claim_of_trust_is_there():
    text = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:tests|\.github)/[\w./-]+)`", text))
    assert len(named) > 5
    assert [path for path in named if not (ROOT / path).is_file()] == []
