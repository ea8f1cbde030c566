"""A report as Markdown: ours beside the paper's, the tests, what was chosen how, and what did not run."""

from typing import Any

Report = dict[str, Any]

TESTS = """\
| against {baseline} | points (95 % interval) | the paper's points | Welch p | Holm p | Hedges' g (95 % interval) |
|---|---|---|---|---|---|"""
CANDIDATES = """\
| searched | setting | dev accuracy, % | worst cell, % | |
|---|---|---|---|---|"""


def table(report: Report) -> str:
    """The whole page."""
    shown = [one for one in report["columns"] if one["runs"]]
    parts = [
        [f"## {report['title']}"],
        _results(report, shown) if shown else ["No run has come to an end."],
        _tests(report, "all", ""),
        _tests(report, "fitted", "Without the runs that failed to fit:") if _any_failed(report) else [],
        _selection(report),
        _notes(report),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _any_failed(report: Report) -> bool:
    return any(one["failed_to_fit"] for one in report["columns"])


def _results(report: Report, shown: list[Report]) -> list[str]:
    fitted = " without failed, % |" if _any_failed(report) else ""
    lines = [
        f"| | {report['split']} accuracy, % (each seed) |{fitted} the paper's, % (test) | worst cell, % | CID (each seed) "
        "| the paper's CID | failed to fit | s a run (label steps alone) |",
        "|---" * (8 + bool(fitted)) + "|",
    ]
    for one in shown:
        whole, paper = one["all"], one["paper"] or {}
        extra = f" {_percents(one['fitted']['accuracy'], each=False)} |" if fitted else ""
        lines.append(
            f"| {one['title']} | {_percents(whole['accuracy'])} |{extra} {_paper(paper)} "
            f"| {_percents(whole['worst_cell'], each=False)} | {_numbers(whole['cid'])} | {_cid(paper)} "
            f"| {one['failed_to_fit']} of {len(one['runs'])} "
            f"| {whole['seconds']['mean']:,.0f} ({whole['label_step_seconds']['mean']:,.0f}) |"
        )
    return lines


def _tests(report: Report, group: str, title: str) -> list[str]:
    found = [one for one in report["tests"][group] if one["measure"] == "accuracy"]
    if not found:
        return []
    lines = [title, ""] if title else []
    lines.append(TESTS.format(baseline=report["baseline"]))
    for one in found:
        size = "–" if one["difference"] is None else _signed(100 * one["difference"], 1)
        start = f"| {one['a']} | {size}"
        paper = _paper_points(report, one["a"])
        if one["undefined"]:
            lines.append(f"{start} | {paper} | no test: {one['undefined']} | | |")
            continue
        interval = f"({_signed(100 * one['lo'], 1)} to {_signed(100 * one['hi'], 1)})"
        effect = f"{_signed(one['hedges_g'], 2)} ({_signed(one['hedges_g_lo'], 2)} to {_signed(one['hedges_g_hi'], 2)})"
        lines.append(f"{start} {interval} | {paper} | {_p(one['p_value'])} | {_p(one['p_holm_baseline'])} | {effect} |")
    return lines


def _selection(report: Report) -> list[str]:
    """Which settings were used and why; every candidate that was tried."""
    searched = {
        one["selection"]["as"]: one["selection"] for one in report["columns"] if "candidates" in one["selection"]
    }
    planned = [one["title"] for one in report["columns"] if one["selection"]["from"] == "plan"]
    lines = []
    if planned:
        lines.append(f"The plan's settings, nothing searched: {', '.join(planned)}.")
    if not searched:
        return lines
    numbers = sorted({len(one["candidates"]) for one in searched.values()})
    seeds = sorted({one["seed"] for one in searched.values()})
    lines += [
        f"Selected on dev, {' or '.join(map(str, numbers))} configurations a method, seed {', '.join(map(str, seeds))} "
        "(accuracy decides, which needs no confound labels; of equal ones the worst cell). The learning rate of the label "
        "steps is finetuning's choice for every method:",
        "",
        CANDIDATES,
    ]
    for key, one in searched.items():
        lines += [_candidate(key, found, one["chosen"]) for found in one["candidates"]]
    empty = [key for key, one in searched.items() if not one["chosen"]]
    if empty:
        lines += ["", f"No candidate of {', '.join(empty)} came to an end, so the plan's settings were used."]
    lines += _shorter_searches(searched, report["overrides"])
    return lines


def _shorter_searches(searched: Report, overrides: Report) -> list[str]:
    """Which searches were made with other settings than the runs."""
    by_settings: dict[str, list[str]] = {}
    for key, one in searched.items():
        if one["overrides"] != overrides:
            told = ", ".join(f"{name}={value}" for name, value in one["overrides"].items()) or "nothing"
            by_settings.setdefault(told, []).append(key)
    return [
        line
        for told, keys in by_settings.items()
        for line in ("", f"Searched with {told} set, unlike the runs: {', '.join(keys)}.")
    ]


def _candidate(key: str, found: Report, chosen: Report) -> str:
    setting = ", ".join(f"{name} {value:g}" for name, value in found["settings"].items())
    mark = "chosen" if found["settings"] == chosen else ""
    if found["accuracy"] is None:
        return f"| {key} | {setting} | {found['status']}: {found['error']} | | |"
    failed = " (failed to fit)" if found["failed_to_fit"] else ""
    return f"| {key} | {setting} | {100 * found['accuracy']:.1f}{failed} | {100 * found['worst_cell']:.1f} | {mark} |"


def _notes(report: Report) -> list[str]:
    seeds = ", ".join(map(str, report["seeds"]))
    sources = sorted({one["paper"]["source"] for one in report["columns"] if one["paper"]})
    notes = [
        f"Encoder {report['encoder']}, seeds {seeds}; mean ± sample SD. Failed to fit: about chance on train.",
        f"The paper's: Han & Tsvetkov 2021, {', '.join(sources)} (CID: Figure 3), BERT base on its test split, failed "
        "runs left out. Its CID took the first 40 training rows as probes, ours takes 40 equally from the cells.",
        *_floors(report),
        *report["notes"],
        *_missing(report),
        *_where(report),
    ]
    if report["overrides"]:
        notes.append(f"Set for all runs: {', '.join(f'{key}={value}' for key, value in report['overrides'].items())}.")
    return [f"- {note}" for note in notes]


def _floors(report: Report) -> list[str]:
    split, floors = report["split"], report["floors"]
    told = ", ".join(f"{100 * floor:.1f} % ({data})" for data, floor in floors.items())
    notes = [f"The confound alone would get {told} on {split}."] if floors else []
    if split == "dev" and any("candidates" in one["selection"] for one in report["columns"]):
        notes.append("Accuracies are on the split on which the settings were selected, by another seed.")
    return notes


def _missing(report: Report) -> list[str]:
    notes = [
        f"Not there: {one['title']}, seed {gone['seed']} ({gone['status']}: {gone['error'].rstrip('.')})."
        for one in report["columns"]
        for gone in one["missing"]
    ]
    undefined = [
        f"CID undefined: {one['title']}, seed {run['seed']} ({run['diagnosis']['error'].rstrip('.')})."
        for one in report["columns"]
        for run in one["runs"]
        if run["diagnosis"]["cid"] is None
    ]
    return notes + undefined


def _where(report: Report) -> list[str]:
    notes = (
        [f"Made on {' and '.join(report['devices'])}; table by {_machine(report['machine'])}."]
        if report["devices"]
        else []
    )
    notes += [f"torch {one['torch']}, transformers {one['transformers']}." for one in report["versions"]]
    if len(report["code"]) > 1:
        notes.append(f"The runs were made by {len(report['code'])} versions of the code: {', '.join(report['code'])}.")
    return notes


def _machine(machine: Report) -> str:
    gpu = f", {machine['gpu']}" if "gpu" in machine else ""
    return f"{machine['processor']}, {machine['cores']} cores{gpu}"


def _percents(spread: Report, *, each: bool = True) -> str:
    return _spread([100 * value for value in spread["values"]], spread, 100, 1, each)


def _numbers(spread: Report) -> str:
    return _spread(spread["values"], spread, 1, 3, True)


def _spread(values: list[float], spread: Report, scale: float, digits: int, each: bool) -> str:
    if spread["mean"] is None:
        return "–"
    text = _signed(scale * spread["mean"], digits).lstrip("+")
    if spread["sd"] is not None:
        text += f" ± {scale * spread['sd']:.{digits}f}"
    shown = ", ".join(_signed(value, digits).lstrip("+") for value in values)
    return f"{text} ({shown})" if each and len(values) > 1 else text


def _paper(paper: Report) -> str:
    if not paper:
        return "–"
    return f"{paper['accuracy']:.2f}" + ("" if paper["sd"] is None else f" ± {paper['sd']:.2f}")


def _cid(paper: Report) -> str:
    return "–" if paper.get("cid") is None else f"{paper['cid']:.3f}"


def _paper_points(report: Report, title: str) -> str:
    """The difference of the paper's means."""
    figures = {one["title"]: one["paper"] for one in report["columns"]}
    ours, baseline = figures.get(title), figures.get(report["baseline"])
    return _signed(ours["accuracy"] - baseline["accuracy"], 1) if ours and baseline else "–"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< .001" if value < 0.001 else f"{value:.3f}".lstrip("0")


def _signed(value: float | None, digits: int) -> str:
    if value is None:
        return "–"
    return f"{value:+.{digits}f}".replace("-", "−")
