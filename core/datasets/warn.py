"""A profile's figures → what a person should know, in sentences."""

from typing import Any

THIN = 10
_LONG_WORDS = 45  # about 64 tokens, where the default run cuts a text off


def sentences(found: dict[str, Any]) -> list[dict[str, str]]:
    """[{"code", "sentence"}], the gravest first. `found` has "splits" and "duplicates" as in `profile.profile`."""
    warnings = [("empty_cell", text) for text in _empty_cells(found["splits"])]
    warnings += [("thin_cell", text) for text in _thin_cells(found["splits"])]
    warnings += _alignment(found["splits"])
    warnings += _duplicates(found["duplicates"])
    warnings += _lengths(found["splits"])
    return [{"code": code, "sentence": sentence} for code, sentence in warnings]


def _empty_cells(splits: dict[str, Any]) -> list[str]:
    texts = []
    for split, cells in _cells(splits, 0, 0).items():
        for_what = (
            "Influence cannot be compared there. Add examples of it, or merge or leave out values."
            if split == "train"
            else f"Accuracy on {split} says nothing about it."
        )
        texts.append(f"{_these(cells)} of {split} {'is' if len(cells) == 1 else 'are'} empty. {for_what}")
    return texts


def _thin_cells(splits: dict[str, Any]) -> list[str]:
    texts = []
    for split, cells in _cells(splits, 1, THIN - 1).items():
        what = "CID and its interval will be uncertain" if split == "train" else "the accuracy there will be uncertain"
        texts.append(
            f"{_these(cells)} of {split} {'has' if len(cells) == 1 else 'have'} fewer than {THIN} examples: {what}."
        )
    return texts


def _cells(splits: dict[str, Any], least: int, most: int) -> dict[str, list[str]]:
    """split → names of the cells with `least` to `most` examples, for the splits that have any.

    A value that a split other than train lacks altogether is its own business, not a hole in the table.
    """
    found = {}
    for split, about in splits.items():
        cells = [
            f"“{cell['label']}” × “{cell['confound']}”" + (f" ({cell['n']})" if cell["n"] else "")
            for cell in about["cells"]
            if least <= cell["n"] <= most
            and (split == "train" or (about["labels"][cell["label"]] and about["confounds"][cell["confound"]]))
        ]
        if cells:
            found[split] = cells
    return found


def _these(cells: list[str]) -> str:
    shown = ", ".join(cells[:4]) + (f" and {len(cells) - 4:,} more" if len(cells) > 4 else "")
    return f"The cell {shown}" if len(cells) == 1 else f"The cells {shown}"


def _alignment(splits: dict[str, Any]) -> list[tuple[str, str]]:
    texts = []
    train = splits.get("train", {}).get("cramers_v")
    if train is not None and train < 0.1:
        texts.append(
            (
                "no_alignment",
                f"In training the confound hardly goes with the label (Cramér's V {train:.2f}), so a model has little"
                " reason to lean on it.",
            )
        )
    for split in ("dev", "test"):
        here = splits.get(split, {}).get("cramers_v")
        if train is not None and here is not None and train >= 0.3 and here > 0.8 * train:
            texts.append(
                (
                    "aligned_evaluation",
                    f"On {split} the confound goes with the label as it does in training (Cramér's V {here:.2f} and"
                    f" {train:.2f}): average accuracy there cannot show that a model leans on it. Look at the worst cell.",
                )
            )
    return texts


def _duplicates(found: dict[str, Any]) -> list[tuple[str, str]]:
    texts = [
        (
            "duplicates_across",
            f"The text of {_rows(pair['rows'])} of {pair['second']} also stands in {pair['first']}: accuracy on"
            f" {pair['second']} is flattered.",
        )
        for pair in found["across"]
        if pair["rows"]
    ]
    conflicting = found["conflicting"]
    if conflicting["texts"]:
        what = "1 text stands" if conflicting["texts"] == 1 else f"{conflicting['texts']:,} texts stand"
        texts.append(
            (
                "conflicting_labels",
                f"{what} under more than one label ({conflicting['rows']:,} rows): no model can get all of them right.",
            )
        )
    for split, rows in found["within"].items():
        if rows:
            texts.append(("duplicates_within", f"The text of {_rows(rows)} of {split} stands there before."))
    return texts


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"


def _lengths(splits: dict[str, Any]) -> list[tuple[str, str]]:
    p95 = max(about["lengths"]["words"]["p95"] for about in splits.values())
    if p95 <= _LONG_WORDS:
        return []
    return [
        (
            "long_texts",
            f"One text in twenty has more than {p95:.0f} words. What lies beyond the training run's maximum length"
            " (64 tokens unless changed, about 45 words) is cut off.",
        )
    ]
