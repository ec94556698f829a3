import re

import pytest

from collapsebench.board.columns import Head
from collapsebench.render.document import Cell, Row, Table
from collapsebench.render.markdown import part, plain


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a plain sentence, 50 % of n = 3.5 (see 2.)", "a plain sentence, 50 % of n = 3.5 (see 2.)"),
        ("accumulate_subsample", "accumulate_subsample"),
        ("arXiv:2412.14689", "arXiv:2412.14689"),
        ("a | b", r"a \| b"),
        ("<b onclick=x>", r"\<b onclick=x\>"),
        ("&lt;b&gt; &#x202e;", r"\&lt;b\&gt; \&#x202e;"),
        ("**best** ~~worst~~", r"\*\*best\*\* \~\~worst\~\~"),
        ("_best_ of __all__", r"\_best\_ of \_\_all\_\_"),
        ("`code` $x$", r"\`code\` \$x\$"),
        ("[here](javascript:x)", r"\[here\](javascript:x)"),
        ("![x](y)", r"!\[x\](y)"),
        ("https://example.org", r"https:\//example.org"),
        ("www.example.org me@example.org", r"www\.example.org me\@example.org"),
        (r"\| still one cell", r"\\\| still one cell"),
        ("# heading", r"\# heading"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("two\nlines\tand\u2028more", "two lines and more"),
        ("\u202edesrever\u202c \u200bhidden\x07", "desrever hidden"),
    ],
)
def test_text_is_text(text, escaped):
    assert plain(text) == escaped


def test_words_of_an_overview_hold_together_in_lines_and_stay_escaped():
    rule = "Train on " + "a" * 40 + " | of <all> that came so far and was kept"
    table = Table(
        "t", [Head("entry", "name"), Head("what it does", "words")], [Row([Cell("m"), Cell(rule)])], "overview"
    )
    line = part([table], "").splitlines()[-1]
    assert line.count("|") - line.count(r"\|") == 3
    cells = re.split(r"(?<!\\)\|", line)[2].strip()
    assert cells.split(" ") == [
        "Train\xa0on",
        "a" * 40,
        "\\|\xa0of\xa0\\<all\\>\xa0that\xa0came\xa0so\xa0far\xa0and",
        "was\xa0kept",
    ]
