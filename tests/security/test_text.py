"""Whatever is written in a text, a label, a name or a file stays text: on a page, and in a spreadsheet."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from core.actions.csv_safe import safe_cell
from core.actions.names import checked_name, name_from_file
from core.errors import UserError
from core.formats import plain
from pages.parts.tables import csv_bytes

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
SIGNS = st.text(alphabet="\\`*_{}[]()<>#+-.!|~:$&\"'=^@/ \n\tabw19é‮", max_size=60)
PARTS = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "![a](https://evil.example/p.png)",
        "<https://evil.example>",
        "https://evil.example",
        "www.evil.example",
        "a@evil.example",
        ":red[x]",
        ":material/home:",
        ":smile:",
        "$\\href{javascript:alert(1)}{x}$",
        "&lt;script&gt;",
        "\n# head\n",
        "\n- item\n",
        "\n```\ncode\n```\n",
        "| a |\n|---|\n",
        "**bold**",
        "~~struck~~",
        "\\",
    ]
)
TEXTS = SIGNS | st.lists(PARTS | SIGNS, max_size=5).map("".join) | st.text(max_size=60)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example("\\<script>")
@example("\\\\<b>")
def test_markdown_reads_a_plain_text_as_one_paragraph_of_just_that_text(text: str) -> None:
    tokens = READER.parse(plain(text))
    assert [one.type for one in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"])
    inside = tokens[1].children or [] if tokens else []
    assert {one.type for one in inside} <= {"text", "text_special"}
    shown = "".join(one.content for one in inside).replace("\u2060", "")
    # CommonMark has U+0000 shown as U+FFFD, for safety.
    assert shown.split() == text.replace("\u2060", "").replace("\0", "\ufffd").split()


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_nothing_is_left_that_streamlit_looks_for_itself(text: str) -> None:
    for sign in ":$@<[":
        for place, found in enumerate(written := plain(text)):
            if found == sign:
                assert written[place - 1] in "\\\u2060"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="=+-@\t\r\n＝＋－＠|;,'\" cmdA1é", max_size=12))
@example("=cmd|' /C calc'!A0")
@example("\t=1+1")
def test_no_cell_of_a_csv_file_is_a_formula(text: str) -> None:
    content = csv_bytes(pd.DataFrame({text or "x": [text], "other": ["y"]})).decode("utf-8-sig")
    for row in csv.reader(io.StringIO(content, newline="")):
        for cell in row:
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    assert str(safe_cell(text)).removeprefix("'") == text.removeprefix("'")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=150) | TEXTS)
def test_a_name_holds_nothing_that_means_anything_elsewhere(name: str) -> None:
    made = name_from_file(name)
    assert checked_name(made, "run") == made
    try:
        kept = checked_name(name, "run")
    except UserError:
        return
    assert not set(kept) & set("<>/\\'\"`;&|$%{}[]*?!\0\n\r\t")
    assert ".." not in kept.split("/")[0][:2]
    assert kept[0] not in "=+-@."


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/b", "a\\b", "a\0b", "-rf", "=1", "a\nb", "<b>", "x" * 121, "", " "]
)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(UserError):
        checked_name(name, "run")
