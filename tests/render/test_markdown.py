import pytest

from collapsebench.render.markdown import plain


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
