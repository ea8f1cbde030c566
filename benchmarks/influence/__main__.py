"""How long exact influence takes, beside a training epoch and beside other tools.

    python -m benchmarks.influence [--json] [--device cpu|cuda] [--data ../shared/data] [--quick] [--save FILE]

Same model, same data, same parameters, one run; every case in a process of its own (on a GPU box all of them import first, then
one after the other measures). Tools that are not installed
(`benchmarks/requirements.txt`) are left out, and that is said. `--save results/x.json` writes the figures with the
machine's name after every case, and the table beside them as `.md`; cases that the file already has from this very
machine are not measured again, so a run that was broken off goes on.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.influence.cases import OURS, PEERS, Case, cases, tuning_cases
from benchmarks.influence.table import table
from benchmarks.machine import machine
from core.jobs.allocator import allocator


def main() -> None:
    """Measure every case and print the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with textlen_train.csv")
    parser.add_argument("--quick", action="store_true", help="few examples: does it run, not how fast")
    parser.add_argument("--save", type=Path, help="write the figures as JSON, and the table beside them")
    options = parser.parse_args()
    installed = {OURS, "reference", *(peer for peer in PEERS if find_spec(peer))}
    planned = cases(quick=options.quick, gpu=options.device == "cuda") + tuning_cases(quick=options.quick)
    report: dict[str, Any] = {
        "machine": machine(),
        "device": options.device,
        "not_installed": sorted(set(PEERS) - installed),
        "rows": [],
    }
    known = earlier(options.save, report)
    planned = [case for case in planned if case.tool in installed]
    there = [process(options) for case in planned if case not in known] if options.device == "cuda" else []
    for one in there:
        assert one.stdout is not None
        one.stdout.readline()  # "ready", or nothing where it has failed
    for case in planned:
        row = known.get(case) or asdict(case) | measured(case, there.pop(0) if there else process(options))
        report["rows"].append(row)
        print(json.dumps(row), file=sys.stderr)
        save(report, options.save)
    print(json.dumps(report) if options.json else table(report))


def earlier(path: Path | None, report: dict[str, Any]) -> dict[Case, dict[str, Any]]:
    """What a file holds of cases measured on this machine with these versions, failed ones left out."""
    if path is None or not path.is_file():
        return {}
    there = json.loads(path.read_text())
    if (there["machine"], there["device"]) != (report["machine"], report["device"]):
        return {}
    names = Case.__dataclass_fields__
    return {Case(**{name: row[name] for name in names}): row for row in there["rows"] if "failed" not in row}


def save(report: dict[str, Any], path: Path | None) -> None:
    """Write the figures and their table."""
    if path is not None:
        path.write_text(json.dumps(report, indent=1) + "\n")
        path.with_suffix(".md").write_text(table(report))


def process(options: argparse.Namespace) -> "subprocess.Popen[str]":
    """A process that imports, and waits for its case."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.influence.measure", str(options.data), options.device],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **allocator()},  # as a job has it
    )


def measured(case: Case, process: "subprocess.Popen[str]") -> dict[str, Any]:
    """The case's figures, or what went wrong with it."""
    printed, trouble = process.communicate(json.dumps(asdict(case)) + "\n")
    if process.returncode:
        return {"failed": trouble.strip().splitlines()[-1][:300] if trouble.strip() else "no message"}
    return dict(json.loads(printed.strip().splitlines()[-1]))


if __name__ == "__main__":
    main()
