"""The figures as a Markdown table."""

from typing import Any

SCORES = """\
| tool | P | T | N | ms per example | × one training epoch | peak memory | max error | timed on |
|---|---|---|---|---|---|---|---|---|"""
TUNING = """\
| tool | s per tuple (1 + 5 + 5) | × a training step on the same examples | peak memory |
|---|---|---|---|"""


def table(report: dict[str, Any]) -> str:
    """Scores, then tuning, then where it was measured."""
    scores = [row for row in report["rows"] if row["kind"] == "scores"]
    tuning = [row for row in report["rows"] if row["kind"] == "tuning"]
    where = report["machine"]
    name = where.get("gpu") if report["device"] == "cuda" else f"{where['processor']}, {where['torch_threads']} threads"
    lines = [SCORES, *map(_scores, scores), "", TUNING, *map(_tuning, tuning), ""]
    lines += [f"{name}; torch {where['torch']}, transformers {where['transformers']}.", ""]
    if report["not_installed"]:
        lines += [f"Not installed, so not measured: {', '.join(report['not_installed'])}.", ""]
    return "\n".join(lines)


def _scores(row: dict[str, Any]) -> str:
    tokens = row["tokens"] or "6–52"
    start = f"| {_tool(row)} | {row['probes']} | {tokens} | {row['examples']:,} |"
    if "failed" in row:
        return f"{start} failed: {row['failed']} | | | | |"
    timed = f"{row['scored']:,} × {row['scored_probes']}"
    return (
        f"{start} {_short(1000 * row['seconds_per_example'])} | {row['ratio_to_epoch']:,.2f} "
        f"| {row['peak_bytes'] / 2**30:.2f} GiB | {row['max_error']:.1e} | {timed} |"
    )


def _tuning(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"| {_tool(row)} | failed: {row['failed']} | | |"
    return (
        f"| {_tool(row)} | {_short(row['seconds_per_tuple'])} | {row['ratio_to_step']:,.2f} "
        f"| {row['peak_bytes'] / 2**30:.2f} GiB |"
    )


def _short(value: float) -> str:
    return f"{value:,.1f}" if value >= 1 else f"{value:.3f}"


def _tool(row: dict[str, Any]) -> str:
    extra = " (Linear layers only)" if row["tool"] == "kronfluence" else ""
    return row["tool"] + extra + ("" if row["encoder"] == "minilm" else f", {row['encoder']}")
