"""Of a board with more entries than anybody reads, the one page shows the best in detail and all in one table."""

import fabricate
import pytest

from collapsebench.render import group_page, markdown
from collapsebench.render.best import MOST, best
from collapsebench.render.cost_plot import CostPlot
from collapsebench.render.document import Document, Fold, Section, Table
from collapsebench.render.files import load_view
from collapsebench.render.html import page
from collapsebench.render.page import files, on_group, whole

SETTING = "gaussian/preserve"


def view_of(folder, count):
    """A board of so many blind entries, each a little better than the one before, beside `everything`."""
    own = [
        result
        for place in range(count)
        for result in fabricate.cells("accumulate", [SETTING], name=f"many_{place:03}", worth=0.3 + 0.002 * place)
    ]
    return load_view(fabricate.board(folder, fabricate.everything() + own))


@pytest.fixture(scope="module")
def view(tmp_path_factory):
    return view_of(tmp_path_factory.mktemp("many"), 40)


@pytest.fixture(scope="module")
def group(view):
    return fabricate.group(view.board, "preserve", "theory")


def tables(blocks):
    """All tables, in figures and folds too."""
    for block in blocks:
        if isinstance(block, Table):
            yield block
        elif isinstance(block, Section | Fold):
            yield from tables(block.blocks)
        elif getattr(block, "values", None):
            yield block.values


def named(blocks):
    """Labels of the entries that tables tell of."""
    return {row.entry.label for table in tables(blocks) for row in table.rows if row.entry}


def test_the_best_of_each_track_and_all_references_stand_in_a_part(view, group):
    labels = best(view.board, group)
    blind = view.board.ranks.ranked(group, "blind")
    assert len(blind) > MOST
    assert {entry.label for entry in blind[:MOST]} <= labels
    assert not labels & {entry.label for entry in blind[MOST:]}
    assert labels >= {entry.label for entry in view.board.references}
    assert labels >= {entry.label for entry in view.board.entries if entry.track in ("anchored", "assisted")}
    parts = {section.name: section for section in whole(view).blocks if isinstance(section, Section)}
    (suite,) = (part for part in parts["To preserve"].blocks if getattr(part, "name", "") == "Suite theory")
    assert named(suite.blocks) <= labels and named(suite.blocks) >= {entry.label for entry in blind[:MOST]}
    assert "preserve-theory.md" in page([whole(view)])


@pytest.mark.parametrize(
    "document", [whole, lambda view: on_group(view, fabricate.group(view.board, "preserve", "theory"))]
)
def test_figures_show_these_entries_and_say_of_each_what_they_say_of_it_among_all(view, group, document):
    labels, alone = best(view.board, group), Document(view.board, "", list(group_page.of_group(view, group)))
    full = {figure.path: figure for figure in alone.figures()}
    brief = {figure.path: figure for figure in document(view).figures() if figure.path in full}
    assert brief.keys() == full.keys()
    for path, figure in full.items():
        shown = brief[path].shown
        if isinstance(shown, CostPlot):
            told = [pair for pair in zip(figure.shown.dots, figure.points, strict=True) if pair[0].label in labels]
            assert 0 < len(told) < len(figure.points)
            assert list(zip(shown.dots, brief[path].points, strict=True)) == told
        else:
            for few, many in zip([shown, *shown.beside], [figure.shown, *figure.shown.beside], strict=True):
                assert few.lines == tuple(line for line in many.lines if line.label in labels)


def test_one_table_and_the_pages_of_their_own_name_every_entry(view, group):
    everyone = {entry.label for entry in view.board.entries}
    first = next(table for table in tables(whole(view).blocks) if table.overview)
    assert {row.entry.label for row in first.rows} >= {label for label in everyone if label.startswith("many_")}
    text = markdown.write(files(view)[f"{group.name}.md"])
    assert all(f"many_{place:03}" in text.replace("\\", "") for place in range(40))


def test_a_board_that_anybody_can_read_is_shown_whole(tmp_path):
    view = load_view(fabricate.board(tmp_path, fabricate.everything()))
    assert [best(view.board, group) for group in view.board.groups] == [None] * len(view.board.groups)


def test_an_entry_beyond_the_best_adds_a_row_and_a_description(tmp_path, view):
    """Two thousand bytes, where one among the best takes ten times as much."""
    more = view_of(tmp_path, 80)
    assert len(page([whole(more)])) - len(page([whole(view)])) < 40 * 2000
