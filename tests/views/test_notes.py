"""A note shows what its author meant, and nothing else: no HTML, no picture, no script, none of Streamlit's own signs.

What a browser makes of it is seen in tests/browser/test_overview.py; here it is parsed once more, as a page would.
"""

import random
import time

import pytest
from markdown_it import MarkdownIt

from core.views.notes import first_words, safe_markdown

ALLOWED = {
    *("paragraph_open", "paragraph_close", "inline", "fence", "text", "softbreak", "hardbreak", "code_inline"),
    *("bullet_list_open", "bullet_list_close", "ordered_list_open", "ordered_list_close"),
    *("list_item_open", "list_item_close", "blockquote_open", "blockquote_close"),
    *("strong_open", "strong_close", "em_open", "em_close", "s_open", "s_close", "link_open", "link_close"),
}
ATTACKS = (
    "<script>alert(1)</script>",
    "<!-- hidden -->",
    "<details open ontoggle=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x onerror=alert(1)&#62;",
    "![](http://evil.example/pixel.png)",
    "![a](http://evil.example/pixel.png 'title')",
    "[![a](http://evil.example/pixel.png)](http://evil.example)",
    "![a][ref]\n\n[ref]: http://evil.example/pixel.png",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x) [y](file:///etc/passwd) [z](/data) [w](//evil.example)",
    "<javascript:alert(1)> <mailto:a@b.example>",
    "[x](<http://a.example/)[y](javascript:alert(1)>)",
    ":red[text] :blue-background[text] :small[a] :badge[b]",
    ":material/home: :smile: :streamlit:",
    r"\:red[x] &#58;red[x]",
    "$x^2$ $$y$$",
    "www.evil.example somebody@evil.example",
    "# One\n## Two\nThree\n===\nFour\n---",
    "\u202egnp.exe\u202d",
    "a\x00b\x1bc\x7f",
    "```html\n<script>alert(1)</script>\n:red[x]\n```",
    "``` `` ` ```\n~~~\n<b>\n~~~",
    "| a | b |\n|---|---|\n| <b> | 2 |",
    "- - - - - - - - - - - - - - - - deep",
    "> > > > > > > > > > > > > > > > deep",
    "[^1]\n\n[^1]: a footnote",
    "- [ ] a task",
)


def shown(markdown: str) -> list[tuple[str, str, dict[str, str]]]:
    """What a parser that lets HTML through makes of it: kind, content and attributes, the inside of lines included."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown)
    everything = [one for token in tokens for one in (token, *(token.children or []))]
    return [(one.type, one.content if one.type != "inline" else "", dict(one.attrs)) for one in everything]


def check(note: str) -> list[tuple[str, str, dict[str, str]]]:
    found = shown(safe_markdown(note))
    assert {kind for kind, _, _ in found} <= ALLOWED, safe_markdown(note)
    for kind, content, attributes in found:
        if kind == "link_open":
            assert attributes["href"].lower().startswith(("http://", "https://")), attributes
        if kind == "text":
            assert ":red[" not in content
            assert ":material/" not in content
            assert ":smile:" not in content
    return found


@pytest.mark.parametrize("note", ATTACKS)
def test_nothing_but_the_allowed_signs_reaches_the_page(note: str) -> None:
    check(note)
    check(f"> {note}")
    check(f"**{note}**")


def test_attacks_mixed_at_random_stay_harmless() -> None:
    draw = random.Random(6)
    for _ in range(400):
        check(draw.choice(("", " ", "\n", "\n\n", "- ", "`", "**")).join(draw.choices(ATTACKS, k=3)))


def test_what_is_meant_stays() -> None:
    note = "Warm-up *helped*: **0.31 → 0.12**, `lr=1e-4`, ~~not 1e-3~~.\n\n1. one\n2. two\n\n- a\n- b\n\n> said\n\n```\nx = 1\n```"
    found = check(note)
    kinds = [kind for kind, _, _ in found]
    for kind in ("em_open", "strong_open", "code_inline", "s_open", "ordered_list_open", "blockquote_open", "fence"):
        assert kind in kinds
    assert ("code_inline", "lr=1e-4", {}) in found
    assert any(kind == "fence" and content == "x = 1\n" for kind, content, _ in found)
    assert kinds.count("list_item_open") == 4


def test_a_heading_is_a_bold_line() -> None:
    assert safe_markdown("# Loud\n\ntext") == "**Loud**\n\ntext"


def test_a_link_shows_where_it_leads_and_a_bare_address_is_one() -> None:
    found = check("[my bank](https://evil.example/a(b)?c=1) and https://good.example/x_y.")
    links = [attributes["href"] for kind, _, attributes in found if kind == "link_open"]
    assert links == ["https://evil.example/a%28b%29?c=1", "https://good.example/x_y"]
    said = "".join(content for kind, content, _ in found if kind == "text").replace("\u2060", "")
    assert said == "my bank (https://evil.example/a(b)?c=1) and https://good.example/x_y."


def test_a_picture_is_named_and_its_address_is_no_link() -> None:
    found = check("![plot](http://evil.example/pixel.png)")
    assert "link_open" not in [kind for kind, _, _ in found]
    assert "plot (http://evil.example/pixel.png)" in "".join(text for _, text, _ in found).replace("\u2060", "")


@pytest.mark.parametrize(
    "sign", ["*", "[", "`", "> ", "- ", "![](", "<", "_a", "[a](b", "&#", "word ", "\u202e", "a\n\n"]
)
def test_fifty_thousand_characters_are_read_quickly(sign: str) -> None:
    begun = time.perf_counter()
    check((sign * 50_000)[:50_000])
    assert time.perf_counter() - begun < 20


def test_the_first_words_are_one_plain_line() -> None:
    assert first_words("\n\n## **Seed** `7` fails\nmore") == "Seed 7 fails"
    assert first_words("") == ""
    assert first_words("x" * 200) == "x" * 80 + " …"
