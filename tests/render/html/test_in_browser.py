"""The HTML page as people use it, in a real browser."""

from dataclasses import replace

import fabricate
import pytest

from collapsebench.board import load_board
from collapsebench.board.stats import student_t_interval
from collapsebench.render.html import page as render
from collapsebench.render.html.blocks import MANY
from collapsebench.render.numbers import measured
from collapsebench.render.page import whole
from collapsebench.render.view import View

pytestmark = pytest.mark.browser

SCORES = "#quick-to-preserve-suite-language table.scores"
GROUNDS = ("paper", "raised", "marked")
INKS = ("ink", "quiet", "accent", "good")


def rows(page, table=SCORES):
    return page.locator(f"{table} tbody tr:visible th a").all_inner_texts()


def column(page, title):
    """What a column of the score table shows, top to bottom."""
    titles = page.locator(f"{SCORES} thead th").all_inner_texts()
    place = next(i for i, text in enumerate(titles, start=1) if text.strip() == title)
    return page.locator(f"{SCORES} tbody tr:visible > :nth-child({place})").all_inner_texts()


def values(texts):
    """The means that cells show, of those that show one."""
    numbers = [text.removeprefix("= ").split()[0].replace("−", "-") for text in texts]
    return [float(number) for number in numbers if number.lstrip("-")[0].isdigit()]


def chip(page, kind, name):
    return page.locator(f'#quick [aria-label="Filter by {kind}"] [data-name="{name}"]')


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_a_header_sorts_both_ways_and_says_so(visit):
    page = visit()
    header, before = page.locator(f"{SCORES} thead th", has_text="arithmetic/preserve"), column(page, "rank")
    assert header.get_attribute("aria-sort") is None
    header.locator("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    falling = values(column(page, "arithmetic/preserve"))
    assert falling == sorted(falling, reverse=True)
    header.locator("button").press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    rising = column(page, "arithmetic/preserve")
    assert values(rising) == sorted(falling)
    page.locator(f"{SCORES} thead button", has_text="entry").click()
    assert header.get_attribute("aria-sort") is None
    assert rows(page) == sorted(rows(page))
    page.locator(f"{SCORES} thead button", has_text="rank").click()
    assert column(page, "rank") == before  # by track and rank, as the board stands


def test_what_has_no_value_is_sorted_last_whichever_way(visit):
    page = visit()
    header = page.locator("#quick table.overview thead th", has_text="grow, language")
    for way in ("descending", "ascending"):
        header.locator("button").click()
        assert header.get_attribute("aria-sort") == way
        shown = page.locator("#quick table.overview tbody tr > :nth-child(5)").all_inner_texts()
        known = [bool(text.strip("— 0123456789")) for text in shown]
        assert any(known) and not all(known) and known == sorted(known, reverse=True)


def test_tracks_are_filtered_in_tables_curves_and_descriptions(visit):
    page = visit()
    everyone = rows(page)
    chip(page, "track", "anchored").click()
    assert chip(page, "track", "anchored").get_attribute("aria-pressed") == "true"
    assert rows(page) == ["real_mix", "replace", "frozen", "fresh_real"]
    assert page.locator("#quick .status").inner_text().startswith("3 of 10 methods")
    lines = page.locator("#quick-setting-gaussian-preserve .plot").first.locator("g.entry")
    assert lines.count() == 6  # three methods and three references
    assert page.locator("#quick-entry-accumulate").is_hidden()
    chip(page, "track", "").click()
    assert rows(page) == everyone


def test_tasks_are_filtered_and_the_scores_say_what_they_are_over(visit):
    page = visit()
    before = column(page, "score")
    chip(page, "task", "arithmetic").click()
    assert page.locator("#quick table.scores thead th[data-task]:visible").all_inner_texts() == [
        *("arithmetic/preserve", "arithmetic/grow")
    ]
    assert page.locator("#quick section.setting:visible").count() == 2
    assert column(page, "score") == before
    assert "stay over all settings" in page.locator("#quick .status").inner_text()


def test_hovering_a_curve_shows_the_value_of_the_records(visit, boards):
    page, label = visit("#quick-setting-gaussian-preserve"), "tempered(temperature=0.9, top_p=0.9)"
    board = boards[0]
    index, entry = next((i, e) for i, e in enumerate(board.entries) if e.label == label)
    plot = page.locator("#quick-setting-gaussian-preserve .plot").first
    plot.locator(f'g[data-entry="{index}"] .marker').nth(3).hover(force=True)
    tip = page.locator("#tip").inner_text().splitlines()
    expected = student_t_interval([r.generations[3].metrics["w2_squared"] for r in entry.results(board.settings[0])])
    assert tip == [f"{label}, t = 3", f"{measured(expected)} squared W2"]
    page.mouse.move(2, 2)
    assert page.locator("#tip").is_hidden()


def test_arrow_keys_read_a_chart_with_its_closed_form(visit):
    page = visit("#quick-setting-gaussian-preserve")
    plot = page.locator("#quick-setting-gaussian-preserve .plot").first
    assert "arrow keys" in plot.get_attribute("aria-label")
    plot.focus()
    for key in ["ArrowRight"] * 5 + ["ArrowUp"] * 12:
        plot.press(key)
    assert page.locator("#tip").inner_text().splitlines()[::2] == ["replace, t = 4", "closed form 0.600 squared W2"]
    plot.press("Escape")
    assert page.locator("#tip").is_hidden()


def test_sheets_of_samples_are_drawn_and_go_with_their_track(visit):
    page = visit()
    sheets = page.locator("#quick-setting-arithmetic-preserve img")
    page.locator("#quick-setting-arithmetic-preserve summary", has_text="all the others").click()
    widths = [
        sheets.nth(i).evaluate("async (img) => { await img.decode(); return img.naturalWidth; }") for i in (0, 1, 2)
    ]
    assert widths == [9, 9, 9]
    chip(page, "track", "anchored").click()
    assert [img.is_visible() for img in sheets.all()] == [True, False, True]  # the reference and real_mix


def test_an_entry_is_singled_out_on_all_charts_by_its_legend(visit):
    page = visit("#quick-setting-gaussian-preserve")
    button = page.locator("#quick-setting-gaussian-preserve .legend button", has_text="token_edit")
    button.click()
    page.mouse.move(2, 2)
    assert button.get_attribute("aria-pressed") == "true"
    other = page.locator("#quick-setting-arithmetic-preserve .legend button", has_text="token_edit")
    assert other.get_attribute("aria-pressed") == "true"
    assert page.locator("#quick-setting-arithmetic-preserve .plot").first.locator("g.entry.strong").count() == 1


def test_a_metric_beside_the_loss_and_a_cost_are_chosen(visit, boards):
    page = visit()
    beside = page.locator("#quick-setting-arithmetic-preserve figure").nth(1)
    beside.locator("select").select_option(label="diversity_ratio")
    assert beside.locator(".plot").get_attribute("aria-label").startswith("diversity_ratio over generations")
    plot = page.locator("#quick .cost-plot").first
    plot.locator("select").select_option(label="real examples")
    index = [entry.label for entry in boards[0].entries].index("accumulate")
    plot.locator(f'g[data-entry="{index}"] .marker').hover(force=True)
    assert page.locator("#tip").inner_text().splitlines()[-1] == "×1.00 real examples"


def test_boards_are_switched_and_have_addresses(visit):
    page = visit()
    assert page.locator(".board:visible").get_attribute("id") == "quick"
    page.locator(".boards a", has_text="standard").click()
    assert page.locator(".board:visible").get_attribute("id") == "standard"
    assert page.locator(".boards [aria-current=page]").inner_text() == "standard"
    page.go_back()
    assert page.locator(".board:visible").get_attribute("id") == "quick"
    assert visit("#standard-setting-gaussian-preserve").locator(".board:visible").get_attribute("id") == "standard"


def test_light_and_dark_follow_the_system_until_one_is_chosen_and_remembered(visit):
    page = visit(color_scheme="dark")
    dark = background(page)
    page.emulate_media(color_scheme="light")
    light = background(page)
    assert light != dark
    page.get_by_role("button", name="Switch to dark colours").click()
    assert background(page) == dark
    page.reload()
    assert background(page) == dark
    page.get_by_role("button", name="Switch to light colours").click()
    page.emulate_media(color_scheme="dark")
    assert background(page) == light


def test_text_stands_out_as_wcag_aa_asks(visit):
    page = visit(color_scheme="light")
    colour = """(name) => { const probe = document.createElement("i"); probe.style.color = `var(--${name})`;
        document.body.append(probe); return getComputedStyle(probe).color.match(/\\d+/g).map(Number); }"""

    def luminance(name):
        parts = [c / 255 for c in page.evaluate(colour, name)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        light = {name: luminance(name) for name in (*GROUNDS, *INKS)}
        for ground in GROUNDS:
            for ink in INKS:
                low, high = sorted((light[ground], light[ink]))
                assert (high + 0.05) / (low + 0.05) >= 4.5, f"{ink} on {ground}, {scheme}"


PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"


def test_on_a_phone_only_tables_scroll_sideways(visit):
    page = visit(**PHONE)
    page.evaluate(OPEN_ALL)
    for board in ("quick", "standard"):
        page.locator(".boards a", has_text=board).tap()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        box = page.locator(f"#{board} .scroll:not(:has(.overview))").first
        assert box.evaluate("(box) => box.scrollWidth > box.clientWidth")
        box.evaluate("(box) => { box.scrollLeft = 400; }")
        assert box.locator("tbody th").first.bounding_box()["x"] >= 0  # names stay in sight


def test_on_a_phone_the_one_table_is_a_card_for_each_entry(visit):
    page = visit(**PHONE)
    overview = page.locator("#quick table.overview")
    assert overview.evaluate("(table) => table.scrollWidth <= table.closest('.scroll').clientWidth")
    cells = overview.locator("tbody tr").first.locator("td:visible").all()
    labels = [cell.evaluate("(cell) => getComputedStyle(cell, '::before').content") for cell in cells[:-1]]
    assert labels[:2] == ['"preserve, theory"', '"preserve, language"'] and labels[-1] == '"cost"'
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 360 for box in (c.bounding_box() for c in cells))


def test_endless_words_do_not_widen_a_phone(visit, tmp_path):
    long = {"params": {"a_parameter_with_quite_a_name": 0.123456789, "b" * 70: "c" * 70}}
    results = fabricate.references() + fabricate.cells("tempered", **long)
    board = load_board(fabricate.board(tmp_path, results))
    entries = tuple(replace(e, method=e.method.changed(title="t" * 300, description="d" * 300)) for e in board.entries)
    protocol = board.protocol.changed(description="p" * 300, name="q" * 64)
    page = visit(document=render([whole(View(replace(board, entries=entries, protocol=protocol)))]), **PHONE)
    page.evaluate(OPEN_ALL)
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_without_script_every_board_is_a_plain_readable_table(visit):
    page = visit(java_script_enabled=False)
    assert page.locator(".board:visible").count() == 2
    assert page.locator("table.overview:visible").count() == 2
    assert page.locator(".controls:visible, #theme:visible").count() == 0
    assert "accumulate" in page.locator(SCORES).inner_text()


def test_tables_and_charts_have_names(visit):
    page = visit()
    captions = "[...document.querySelectorAll('table')].every((table) => table.caption.textContent.trim())"
    assert page.evaluate(captions)
    assert page.evaluate("[...document.querySelectorAll('th')].every((th) => th.scope)")
    identities = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(identities) == len(set(identities))


def test_an_attack_in_a_description_is_inert(visit, boards):
    attack = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    entries = tuple(replace(e, method=e.method.changed(description=attack, title=attack)) for e in boards[0].entries)
    page = visit(document=render([whole(View(replace(boards[0], entries=entries)))]))
    assert page.title() == "collapsebench: leaderboards"
    assert page.locator('img:not([src^="data:image/png;base64,"])').count() == 0
    assert attack in page.locator("#quick-entry-accumulate").inner_text()


def test_of_many_entries_what_is_out_of_sight_waits_and_comes_when_it_is_read(visit, tmp_path):
    own = [cell for i in range(MANY) for cell in fabricate.cells("accumulate", params={"most": i}, worth=0.3 + i / 200)]
    view = View(load_board(fabricate.board(tmp_path, fabricate.references() + own)))
    page = visit(document=render([whole(view)]))
    far = page.locator("#quick-setting-arithmetic-grow")
    assert far.locator(".plot").count() == 2 and far.locator("g.entry").count() == 0
    last = page.locator("#quick-entry-frozen")
    assert last.text_content() and not last.inner_text()
    far.scroll_into_view_if_needed()
    far.locator("g.entry").first.wait_for()
    page.evaluate("location.hash = '#quick-entry-frozen'")
    page.wait_for_function("document.getElementById('quick-entry-frozen').innerText")
    assert last.bounding_box()["y"] < 900
