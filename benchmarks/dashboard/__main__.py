"""How long every page takes in a real browser, over 500 runs, 100,000 training rows and matrices of 40 × 100,000.

    python -m benchmarks.dashboard [--turns 5] [--only Diagnose] [--keep FOLDER] [--save benchmarks/results/dashboard-cpu.json]

Fills a store of its own, serves the real dashboard over it and asks chromium. `--keep` leaves the filled store in a folder
and uses it again the next time. `--save` writes the figures, and the table beside them as `.md`. Takes some ten minutes
on two cores; let nothing else run meanwhile.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.dashboard.fill import Names, fill
from benchmarks.dashboard.measure import Row, bare, measure
from benchmarks.dashboard.table import table
from benchmarks.dashboard.visits import visits
from benchmarks.machine import machine
from core.settings import Settings
from core.store.engine import open_store
from tools.chromium import chromium
from tools.served import serving


def main() -> int:
    """Measure and print the table; 1 where a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5, help="how often each is measured; the median is told")
    parser.add_argument("--only", default="", help="pages whose name holds this")
    parser.add_argument("--keep", type=Path, help="folder of the filled store")
    parser.add_argument("--save", type=Path, help="write the figures as JSON, and the table beside them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = options.keep or Path(scratch) / "home"
        names = filled(home)
        rows: list[Row] = []
        with chromium() as browser:
            script = str(Path(__file__).with_name("bare.py"))
            with serving(home, script, UNCONFOUND_START_WORKER="false") as alone:
                baseline = bare(browser, alone.url, options.turns)
            with serving(home, UNCONFOUND_CALIBRATE="false") as dashboard:
                for visit in visits(names):
                    if options.only.lower() in visit.name.lower():
                        print(visit.name, file=sys.stderr)
                        rows += measure(browser, dashboard.url, visit, options.turns)
            version = browser.version
    report: dict[str, Any] = {
        "machine": {**machine(), "chromium": version},
        "turns": options.turns,
        "bare_ms": baseline,
        "rows": [asdict(row) for row in rows],
    }
    text = table(rows, report)
    if options.save:
        options.save.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        options.save.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)
    return 0 if all(row.met is not False for row in rows) else 1


def filled(home: Path) -> Names:
    """The store in this folder, filled now where it is not yet."""
    told = home / "names.json"
    if told.exists():
        return Names(**json.loads(told.read_text()))
    print("Filling a store …", file=sys.stderr)
    home.mkdir(parents=True, exist_ok=True)
    store = open_store(Settings(home=home))
    store.migrate()
    names = fill(store)
    told.write_text(json.dumps(asdict(names)))
    return names


if __name__ == "__main__":
    sys.exit(main())
