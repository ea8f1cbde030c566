"""A confound built from the text: keywords, or a regular expression."""

import streamlit as st

from core.datasets.rules import ConfoundRule, KeywordRule, RegexRule

EXAMPLE = "positive: good, great, excellent\nnegative: bad, awful"


def rule_form(kind: str, columns: list[str], token: str) -> ConfoundRule | None:
    """The rule as it stands in the form; None, with a hint, while it is not complete."""
    with st.container(border=True):
        where = st.selectbox(
            "Look in", columns, index=None, placeholder="The text column", key=f"rule-column-{kind}-{token}"
        )
        return _keywords(where, token) if kind == "keywords" else _regex(where, token)


def _keywords(column: str | None, token: str) -> KeywordRule | None:
    lines = st.text_area(
        "One line for each confound value: its name, a colon, its keywords",
        placeholder=EXAMPLE,
        key=f"rule-keywords-{token}",
        help="A text with keywords of several values gets the value that stands first.",
    )
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    otherwise = left.text_input("Value of all other texts", value="none", key=f"rule-otherwise-{token}")
    whole = middle.checkbox("Whole words only", value=True, key=f"rule-whole-{token}")
    case = right.checkbox("Upper and lower case matter", value=False, key=f"rule-case-{token}")
    groups = []
    for line in (lines or "").splitlines():
        if not line.strip():
            continue
        value, colon, words = line.partition(":")
        keywords = tuple(word.strip() for word in words.split(",") if word.strip())
        if not colon or not value.strip() or not keywords:
            st.info(
                "Each line needs a name, a colon and at least one keyword, such as “greeting: hello, dear all”.",
                icon=":material/edit:",
            )
            return None
        groups.append((value.strip(), keywords))
    if not groups:
        st.info("Write at least one line, such as “greeting: hello, dear all”.", icon=":material/edit:")
        return None
    return KeywordRule(
        groups=tuple(groups), otherwise=otherwise.strip() or "none", whole_word=whole, match_case=case, column=column
    )


def _regex(column: str | None, token: str) -> RegexRule | None:
    pattern = st.text_input(
        "Regular expression (Python), searched anywhere in the text",
        placeholder="^(?P<value>Positive|Negative)\\b",
        key=f"rule-regex-{token}",
        help="A group called `value`, as in `^(?P<value>Positive|Negative)`, makes what it catches the confound value.",
    )
    left, middle, right = st.columns(3, vertical_alignment="bottom")
    match = left.text_input("Value where it matches", value="match", key=f"rule-match-{token}")
    otherwise = middle.text_input("Value where it does not", value="no match", key=f"rule-no-match-{token}")
    case = right.checkbox("Upper and lower case matter", value=False, key=f"rule-regex-case-{token}")
    if not pattern:
        st.info("Write an expression, such as “^Re:”.", icon=":material/edit:")
        return None
    return RegexRule(
        pattern=pattern,
        match=match.strip() or "match",
        otherwise=otherwise.strip() or "no match",
        match_case=case,
        column=column,
    )
