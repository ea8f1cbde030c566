"""The figures as Markdown."""

from collections.abc import Sequence
from typing import Any

from benchmarks.dashboard.measure import Row


def table(rows: Sequence[Row], report: dict[str, Any]) -> str:
    """Page, what was done, median and longest time, target, and whether it is met."""
    lines = ["| page | | median | longest | target | met |", "|---|---|---|---|---|---|"]
    before = None
    for row in rows:
        name = "" if row.page == before else row.page
        before = row.page
        target = "" if row.target is None else f"{row.target:,.0f} ms"
        met = "" if row.met is None else "yes" if row.met else "**no**"
        lines.append(f"| {name} | {row.what} | {row.median:,.0f} ms | {max(row.ms):,.0f} ms | {target} | {met} |")
    about = report["machine"]
    lines += [
        "",
        f"500 runs, 1,000 jobs, 100,000 training rows, influence of 100,000 examples on 40 probes. {report['turns']} turns "
        "each, but one for a first load, which reads the files. A load is a whole one, the browser's own part included: a "
        f"Streamlit page that holds one word takes {report['empty_page_ms']:,.0f} ms. A choice is timed by the browser from "
        "the click or key to the last change of the page that follows, drawing included.",
        "",
        f"{about['processor']}, {about['cores']} cores, Python {about['python']}, chromium {about['chromium']}.",
        "",
    ]
    return "\n".join(lines)
