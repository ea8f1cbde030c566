"""What pages share: numbers as people write them, names that are never read as Markdown, tables that are never run."""

from datetime import timedelta

import pandas as pd
import pytest

from core import formats
from core.store.tables import now
from core.views.texts import TERMS, help_for
from pages.parts.tables import chosen_rows, csv_bytes


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.785, "78.5 %"), (1.0, "100.0 %"), (-0.0001, "0.0 %"), (-0.05, "−5.0 %"), (None, "–")],
)
def test_percent(value: float | None, written: str) -> None:
    assert formats.percent(value) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.4, "under 1 s"), (8, "8 s"), (200, "3 min 20 s"), (180, "3 min"), (7500, "2 h 5 min"), (90000, "1 d 1 h")],
)
def test_duration(seconds: float, written: str) -> None:
    assert formats.duration(seconds) == written


@pytest.mark.parametrize(("seconds", "written"), [(3, "10 s"), (47, "50 s"), (437, "7 min"), (8000, "2 h 10 min")])
def test_a_forecast_is_no_more_precise_than_it_is(seconds: float, written: str) -> None:
    assert formats.roughly(seconds) == written


@pytest.mark.parametrize(
    ("ago", "written"),
    [(1, "just now"), (30, "30 s ago"), (300, "5 min ago"), (7200, "2 h ago"), (90000, "1 day ago"), (-5, "just now")],
)
def test_age(ago: float, written: str) -> None:
    assert formats.age(now() - timedelta(seconds=ago)) == written


def test_a_list_in_words() -> None:
    assert formats.listed(["a"]) == "a"
    assert formats.listed(["a", "b", "c"]) == "a, b and c"
    assert formats.listed(list("abcdefgh"), most=3) == "a, b and 6 more"


@pytest.mark.parametrize(
    "hostile",
    [
        "[click](https://evil.example)",
        "![x](https://evil.example/pixel.png)",
        "**bold** _it_ `code` $x^2$ :red[x] <b>x</b>",
        "# heading",
    ],
)
def test_no_sign_of_markdown_keeps_its_meaning(hostile: str) -> None:
    shown = formats.plain(hostile)
    unescaped = [
        char for before, char in zip(" " + shown, shown, strict=False) if char in "[]()*_`$<>#!:" and before != "\\"
    ]
    assert unescaped == []


@pytest.mark.parametrize("linked", [":smile:", "https://evil.example", "www.evil.example", "me@evil.example"])
def test_what_is_looked_for_after_markdown_is_broken_up(linked: str) -> None:
    shown = formats.plain(linked).replace("\\", "")
    assert linked not in shown
    assert shown.replace("\u2060", "") == linked


def test_line_breaks_cannot_start_a_new_block() -> None:
    assert formats.plain("name\n\n# heading") == "name \\# heading"


def test_csv_cells_that_look_like_formulas_become_text() -> None:
    frame = pd.DataFrame(
        {
            "=cmd": ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\tx", "fine"],
            "n": [1.5, -2.0, None, 0.0, 1.0, 2.0],
        }
    )
    lines = csv_bytes(frame).decode().split("\r\n")
    assert lines[0] == "'=cmd,n"
    assert lines[1].startswith("\"'=HYPERLINK(")
    assert [line.split(",")[0] for line in lines[2:7]] == ["'+1", "'-1", "'@SUM(A1)", "'\tx", "fine"]
    assert lines[2].endswith(",-2.0")  # a number may be negative
    assert lines[3].endswith(",")  # missing is empty


def test_every_term_is_a_sentence_and_its_source_an_address() -> None:
    for name, term in TERMS.items():
        assert term.sentence.endswith("."), name
        assert term.url is None or term.url.startswith("https://"), name
        assert help_for(name).startswith(term.sentence)


def test_a_table_stays_the_same_while_its_own_choice_is_what_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    state: dict[str, object] = {}
    monkeypatch.setattr("streamlit.session_state", state)
    assert chosen_rows("t", [2]) == ("t-0", {"selection": {"rows": [2]}})  # as the address says
    state["t-0"] = {"selection": {"rows": [5]}}
    assert chosen_rows("t", [5]) == ("t-0", {"selection": {"rows": [2]}}), "chosen in the table: nothing new to send"
    assert chosen_rows("t", [7]) == ("t-1", {"selection": {"rows": [7]}}), (
        "the address went elsewhere: a table of its own"
    )
    state["t-1"] = {"selection": {"rows": [7]}}
    assert chosen_rows("t", [7]) == ("t-1", {"selection": {"rows": [7]}})
    assert chosen_rows("t", []) == ("t-2", {"selection": {"rows": []}})
