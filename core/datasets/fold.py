"""When two examples count as the same text."""

import pandas as pd


def folded(frame: pd.DataFrame) -> "pd.Series[str]":
    """Each example's text, and second text where there is one, with every run of white space made one blank."""
    text = frame["text"].map(_fold)
    if frame["text_b"].notna().any():
        text = text + "\x1f" + frame["text_b"].fillna("").map(_fold)
    return text


def _fold(text: str) -> str:
    return " ".join(text.split())
