"""`report` and `export`: what a person takes home of a run or a comparison."""

import argparse
from pathlib import Path
from typing import Any

from core.actions.comparing import compare_groups
from core.commands.console import Console
from core.errors import UserError
from core.formats import megabytes
from core.reports.comparison_report import comparison_report
from core.reports.model_export import export_model
from core.reports.run_report import run_report
from core.store import queries
from core.store.artifacts import whole_file
from core.views.charts import safe_filename


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Hang the commands of this file under the top parser."""
    report = commands.add_parser("report", parents=[common], help="an offline HTML report of a run, or of a comparison")
    report.add_argument("run", nargs="?", help="name or id of a run")
    report.add_argument("--compare", nargs="+", metavar="GROUP", help="groups or runs to compare, in place of a run")
    report.add_argument("--baseline", metavar="GROUP", help="of the comparison; the first when not given")
    report.add_argument("--split", choices=["dev", "test", "train"], default="dev", help="of the comparison")
    report.add_argument(
        "--output", type=Path, metavar="FILE", help="where to write it; NAME-report.html when not given"
    )
    report.add_argument("--without-texts", action="store_true", help="leave the texts of examples out")
    report.set_defaults(command=_report)

    export = commands.add_parser("export", parents=[common], help="a model that transformers loads, with a model card")
    export.add_argument("run", help="name or id of a run")
    export.add_argument("--checkpoint", default="final", help="final, or a step")
    export.add_argument(
        "--output", type=Path, required=True, metavar="DIR_OR_ZIP", help="a new folder, or a file that ends in .zip"
    )
    export.set_defaults(command=_export)


def _report(options: argparse.Namespace, console: Console) -> None:
    if (options.run is None) == (options.compare is None):
        raise UserError("Name one run, or the groups to compare after --compare.")
    if options.compare is not None:
        found = compare_groups(console.store, options.compare, baseline=options.baseline, split=options.split)
        what: dict[str, Any] = {"compared": [group.group for group in found.groups]}
        text, name = comparison_report(found), "comparison"
    else:
        run = queries.get_run(console.store, options.run)
        what = {"run": run.name}
        text, name = run_report(console.store, run, with_texts=not options.without_texts), safe_filename(run.name)
    target = options.output or Path(f"{name}-report.html")
    content = text.encode("utf-8")
    try:
        with whole_file(target.resolve()) as scratch:
            scratch.write_bytes(content)
    except OSError as error:
        raise UserError(
            f"The report cannot be written to {target} ({error.strerror or type(error).__name__}). Name another place with --output."
        ) from error
    console.answer(
        {**what, "report": str(target), "bytes": len(content)}, f"report: {target} ({megabytes(len(content))})"
    )


def _export(options: argparse.Namespace, console: Console) -> None:
    run = queries.get_run(console.store, options.run)
    model = export_model(console.store, run, options.output, options.checkpoint)
    console.answer(
        {"run": run.name, "checkpoint": model.step, "model": str(options.output)},
        f"model of {run.name} at step {model.step}: {options.output}",
    )
