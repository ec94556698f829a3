"""The HTML page as text: what it says, that it loads nothing, and that nothing in a record becomes markup."""

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import fabricate
import pytest
from hatchling.builders.wheel import WheelBuilder

from collapsebench.board.stats import student_t_interval
from collapsebench.render.figure import COLOURS
from collapsebench.render.files import load_view
from collapsebench.render.html import page
from collapsebench.render.numbers import measured, span, worth
from collapsebench.render.page import whole
from collapsebench.render.view import View
from collapsebench.results.signature import Draw, read_note, sign

ROOT = Path(__file__).parents[3]
EVIL = (
    """</script></style><img src=x onerror="document.title='owned'"><b id=evil>[x](javascript:alert(1))</b> "' <!--"""
)


class Elements(HTMLParser):
    """Every element of a document with its attributes and, of scripts and styles, its content."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.found, self.words, self.inside = [], [], False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes), []))
        self.inside = True

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        self.words.append(data)
        if self.inside:
            self.found[-1][2].append(data)

    def all(self, *tags):
        return [(tag, attributes, "".join(content)) for tag, attributes, content in self.found if tag in tags]


def figures(text):
    """The JSON that the script draws."""
    return next(json.loads(content) for _, at, content in Elements(text).all("script") if at.get("id") == "figures")


def test_the_page_says_what_the_board_says(boards, text):
    words = "".join(Elements(text).words)
    board = boards[0]
    accumulate = next(entry for entry in board.entries if entry.label == "accumulate")
    for group in board.groups:
        score = board.scores.score(accumulate, group).seeds
        assert f"{worth(score.centre)} {span(score)}" in words
    assert measured(board.scores.recovered(accumulate, board.settings[0])) in words
    assert board.protocol.digest[:12] in words
    assert "collapsebench run --method token_edit --task arithmetic --protocol quick" in words
    assert "ValueError: a | b" in words  # why a cell failed
    assert "needs reward, which kde does not have" in text


def test_points_carry_the_mean_over_seeds_of_the_records(boards, text):
    board, drawn = boards[0], figures(text)[0]
    index = [entry["label"] for entry in drawn["entries"]].index("accumulate")
    loss = next(one for one in drawn["settings"] if one["id"] == "quick-setting-arithmetic-preserve")["charts"][0]
    line = next(line for line in loss["lines"] if line["entry"] == index)
    entry, setting = board.entries[index], fabricate.setting(board, "arithmetic/preserve")
    for t, (value, half_width, words) in enumerate(line["points"]):
        expected = student_t_interval([r.generations[t].metrics["answer_nll"] for r in entry.results(setting)])
        assert (value, half_width) == pytest.approx((expected.centre, expected.half_width), rel=1e-5)
        assert words == measured(expected)


def test_the_same_records_and_sheets_give_the_same_bytes(views, text, folder, tmp_path):
    elsewhere = fabricate.board(tmp_path / "elsewhere", list(reversed(fabricate.everything())))
    shutil.copytree(folder / "quick" / "samples", elsewhere / "samples")
    assert page([whole(load_view(elsewhere)), whole(views[1])]) == text


def test_it_loads_nothing(text):
    elements = Elements(text)
    loading = ("iframe", "object", "embed", "video", "audio", "source", "base", "form", "image", "use")
    assert elements.all(*loading) == []
    assert all(at["src"].startswith("data:image/png;base64,") for _, at, _ in elements.all("img"))
    assert [at["href"] for _, at, _ in elements.all("link")] == ["data:,"]
    assert not [
        at
        for tag, at, _ in elements.found
        if ("src" in at and tag != "img") or "style" in at or any(name.startswith("on") for name in at)
    ]
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|import\(", text)
    assert all(at["href"].startswith(("#", "https://arxiv.org/abs/")) for _, at, _ in elements.all("a"))


def test_every_address_on_the_page_is_a_place_on_it(text):
    places = {at["id"] for _, at, _ in Elements(text).found if "id" in at}
    links = {at["href"].removeprefix("#") for _, at, _ in Elements(text).all("a") if at["href"].startswith("#")}
    assert "quick-to-preserve-suite-language" in links
    assert links <= places


def test_the_sheets_of_a_task_stand_on_the_page_as_they_lie_beside_the_board(folder, text):
    shown = {at["alt"].removesuffix(" by generation"): at for _, at, _ in Elements(text).all("img")}
    assert list(shown) == ["replace", "accumulate", "real_mix"]  # references first
    for label, at in shown.items():
        content = (folder / "quick" / "samples" / f"arithmetic-preserve-{label}.png").read_bytes()
        assert base64.b64decode(at["src"].partition(",")[2]) == content
        assert (at["width"], at["height"]) == ("9", "4")


def test_its_policy_names_its_own_styles_and_scripts_and_nothing_else(text):
    elements = Elements(text)
    inline = [content for tag, at, content in elements.all("style", "script") if at.get("type") != "application/json"]
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" for content in inline}
    policy = next(at["content"] for _, at, _ in elements.all("meta") if "http-equiv" in at)
    assert policy.startswith("default-src 'none'; ")
    assert set(re.findall(r"'sha256-[^']+'", policy)) == hashes
    assert "unsafe" not in policy


def evil_metrics(metrics):
    return {name: metric.model_copy(update={"meaning": EVIL}) for name, metric in metrics.items()}


@pytest.fixture
def evil(views):
    """A board whose every text is an attack."""
    board = views[0].board
    words = {"title": EVIL, "description": EVIL, "paper": f"arXiv:2412.14689 {EVIL}", "params": {EVIL: EVIL}}
    entries = [replace(entry, method=entry.method.model_copy(update=words)) for entry in board.entries]
    words = {"title": EVIL, "unit": EVIL}
    settings = [
        replace(s, task=s.task.model_copy(update={**words, "metrics": evil_metrics(s.task.metrics)}))
        for s in board.settings
    ]
    protocol = board.protocol.model_copy(update={"description": EVIL, "digest": EVIL, "name": f"quick{EVIL}"})
    return replace(views[0], board=replace(board, entries=tuple(entries), settings=tuple(settings), protocol=protocol))


def test_text_in_a_record_is_never_markup(evil, views, text):
    harmless, attacked = Elements(text), Elements(page([whole(evil), whole(views[1])]))
    assert attacked.all("img") == harmless.all("img")
    assert not [at for _, at, _ in attacked.found if at.get("id") == "evil"]
    assert sorted({tag for tag, _, _ in attacked.found}) == sorted({tag for tag, _, _ in harmless.found})
    assert len(attacked.all("script")) == len(harmless.all("script"))
    assert figures(page([whole(evil)]))[0]["settings"][0]["charts"][0]["unit"] == EVIL
    assert EVIL in " ".join("".join(attacked.words).split())


def test_half_a_surrogate_pair_is_no_obstacle(views):
    board = views[0].board
    board = replace(board, protocol=board.protocol.model_copy(update={"description": "half \ud800 a pair"}))
    assert "half ? a pair" in page([whole(View(board))])


def test_an_empty_page_is_not_asked_for_but_a_board_without_references_stands(tmp_path):
    text = page([whole(load_view(fabricate.board(tmp_path, fabricate.cells("accumulate", ["gaussian/preserve"]))))])
    assert "The reference <code>replace</code> has not run in gaussian/preserve" in text
    assert "No setting counts yet" in text


def test_colours_are_those_of_the_figures_beside_the_markdown_pages():
    style = resources.files("collapsebench.render.html").joinpath("board.css").read_text(encoding="utf-8")
    assert re.findall(r"--c\d: light-dark\((#\w{6})", style) == list(COLOURS)


def test_the_committed_boards_fit_into_eight_megabytes():
    folders = sorted(path.parent for path in ROOT.glob("leaderboards/*/records"))
    assert len(page([whole(load_view(folder)) for folder in folders]).encode()) < 8_000_000


def test_verified_entries_are_marked(views, tmp_path):
    signed = [result for result in fabricate.everything() if result.cell.method.name == "accumulate"]
    note = read_note(sign(tmp_path, signed, Draw(draw="1", drawn="by the system"), []))
    text = page([whole(replace(views[0], verified={"accumulate": note}))])
    assert text.count('<abbr class="sign" title="verified">✓</abbr>') == 1 + len(views[0].board.groups)
    assert "as is all of an entry without a mark" in text
    assert "<b>accumulate</b> (verified: 0 of " in text and "<em>frozen</em> (self-reported): " in text


def test_how_entries_stand_against_frozen_and_when_they_ran_is_on_the_page(boards, text):
    words = "".join(Elements(text).words)
    assert "against take_all" in words
    assert (boards[0].newest in words) and ("newest record" in words) == bool(boards[0].newest)


def test_styles_scripts_and_template_ship_in_the_wheel():
    shipped = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    beside = {path.name for path in Path(resources.files("collapsebench.render.html")).glob("*.*")}
    assert beside >= {"board.html", "board.css", "board.js", "chart.js", "table.js", "theme.js"}
    assert {f"collapsebench/render/html/{name}" for name in beside} <= shipped
