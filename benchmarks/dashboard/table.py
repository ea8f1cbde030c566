"""The figures as Markdown."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.dashboard.measure import Row


def _met(row: Row) -> str:
    if row.met is None or row.target is None:
        return ""
    if row.met:
        return "yes"
    return "by the first answer" if row.first_ms and median(row.first_ms) < row.target else "**no**"


def table(rows: Sequence[Row], report: dict[str, Any]) -> str:
    """Page, what was done, median and longest time, target, and whether it is met."""
    lines = ["| page | | first answer | all drawn | longest | target | met |", "|---|---|---|---|---|---|---|"]
    before = None
    for row in rows:
        name = "" if row.page == before else row.page
        before = row.page
        target = "" if row.target is None else f"{row.target:,.0f} ms"
        first = f"{median(row.first_ms):,.0f} ms" if row.first_ms else ""
        figures = f"{first} | {row.median:,.0f} ms | {max(row.ms):,.0f} ms"
        lines.append(f"| {name} | {row.what} | {figures} | {target} | {_met(row)} |")
    about = report["machine"]
    bare = report["bare_ms"]
    lines += [
        "",
        f"500 runs, 1,000 jobs, 100,000 training rows, influence of 100,000 examples on 40 probes. {report['turns']} turns "
        "each, but one for a first load, which reads the files. A load of the whole site has the browser's own part in it; "
        "coming from another page is the browser's “back” to it. A choice is timed by the browser from the click or key to "
        "the first and to the last thing drawn that the server answers with; both are medians.",
        "",
        "What Streamlit takes here by itself, on a page with nothing of ours: its load "
        + ", ".join(
            [f"{bare['load']:,.0f} ms", *(f"{name} {ms:,.0f} ms" for name, ms in bare.items() if name != "load")]
        )
        + ". A table tells the server of a chosen line only after 150 ms.",
        "",
        f"{about['processor']}, {about['cores']} cores, Python {about['python']}, chromium {about['chromium']}.",
        "",
    ]
    return "\n".join(lines)
