"""`train`, `diagnose`, `evaluate` and `run list|show|delete`."""

import argparse
from typing import Any

from core.actions.deleting import delete_run
from core.actions.diagnosing import start_diagnosis
from core.actions.evaluating import start_evaluation
from core.actions.summaries import diagnosis_summary, run_summary
from core.actions.training import start_training
from core.commands.console import Console, JobFailedError, number, percent, table
from core.errors import UserError
from core.store import queries
from core.training.diagnosis_config import ESTIMATORS


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Hang the commands of this file under the top parser."""
    train = commands.add_parser("train", parents=[common], help="fine-tune a classifier in the background")
    train.add_argument("--dataset", required=True, help="name or id of a data set")
    train.add_argument("--method", default="finetune")
    train.add_argument("--encoder", default="minilm", help="minilm, tiny, or a model of the hub (with --revision)")
    train.add_argument("--revision", help="commit of a hub model")
    train.add_argument("--seed", type=int, default=2021)
    train.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a training setting, e.g. label_epochs=10"
    )
    train.add_argument("--name", help="name of the run")
    train.add_argument("--wait", action="store_true", help="return when it has ended")
    train.set_defaults(command=_train)

    diagnose = commands.add_parser("diagnose", parents=[common], help="measure how training examples pull on probes")
    diagnose.add_argument("run", help="name or id of a run")
    diagnose.add_argument("--checkpoint", default="final", help="final, a step, or all")
    diagnose.add_argument("--estimator", default="cosine", choices=sorted(ESTIMATORS))
    diagnose.add_argument("--probes", type=int, default=40)
    diagnose.add_argument("--probe-source", default="train", choices=["train", "dev", "first"])
    diagnose.add_argument("--seed", type=int, help="of the choice of probes; the run's own when not given")
    diagnose.add_argument("--wait", action="store_true", help="return when it has ended")
    diagnose.set_defaults(command=_diagnose)

    evaluate = commands.add_parser("evaluate", parents=[common], help="accuracy of a run on a labelled file")
    evaluate.add_argument("run", help="name or id of a run")
    evaluate.add_argument("--file", required=True, help="a file with the columns of the run's data set")
    evaluate.set_defaults(command=_evaluate)

    group = commands.add_parser("run", help="runs in the store").add_subparsers(required=True, metavar="ACTION")
    group.add_parser("list", parents=[common], help="every run, newest first").set_defaults(command=_list)
    for name, function, text in (("show", _show, "one run"), ("delete", _delete, "remove a run and its files")):
        action = group.add_parser(name, parents=[common], help=text)
        action.add_argument("run", help="name or id of a run")
        action.set_defaults(command=function)


def _train(options: argparse.Namespace, console: Console) -> None:
    dataset = queries.get_dataset(console.store, options.dataset)
    begun = start_training(
        console.store,
        console.settings,
        dataset,
        method=options.method,
        encoder=options.encoder,
        revision=options.revision,
        seed=options.seed,
        options=_settings(options.set),
        name=options.name,
    )
    if not options.wait:
        console.answer(
            {"run": begun.run.name, "id": begun.run.id, "job": begun.job.id, "status": "queued"},
            f"queued: run {begun.run.name}, job {begun.job.id}",
        )
        return
    try:
        console.wait(begun.job, f"The training of {begun.run.name}")
    except JobFailedError as error:
        raise JobFailedError(
            str(error), run_summary(console.store, queries.get_run(console.store, begun.run.id))
        ) from error
    _print_run(console, begun.run.id)


def _diagnose(options: argparse.Namespace, console: Console) -> None:
    run = queries.get_run(console.store, options.run)
    job = start_diagnosis(
        console.store,
        console.settings,
        run,
        checkpoint=options.checkpoint,
        estimator=options.estimator,
        probes=options.probes,
        probe_source=options.probe_source,
        seed=options.seed,
    )
    if not options.wait:
        console.answer({"run": run.name, "job": job.id, "status": "queued"}, f"queued: job {job.id}")
        return
    ended = console.wait(job, f"The diagnosis of {run.name}")
    found = [queries.get_diagnosis(console.store, one) for one in (ended.result or {})["diagnoses"]]
    reports = [diagnosis_summary(one, run) for one in found]
    lines = [f"step {one.step}: {one.sentence}" for one in found]
    console.answer(reports[0] if options.checkpoint != "all" else {"run": run.name, "diagnoses": reports}, *lines)


def _evaluate(options: argparse.Namespace, console: Console) -> None:
    run = queries.get_run(console.store, options.run)
    job = start_evaluation(console.store, console.settings, run, options.file)
    ended = console.wait(job, f"The evaluation of {run.name}")
    report = (ended.result or {})["evaluation"]
    console.answer(report, *_accuracy_lines(options.file, report))


def _list(options: argparse.Namespace, console: Console) -> None:
    rows = queries.list_runs(console.store)
    lines = table(
        [
            [
                row.name,
                row.dataset,
                row.method,
                str(row.seed),
                row.status,
                percent(row.accuracy),
                percent(row.worst_cell),
                number(row.cid),
            ]
            for row in rows
        ],
        ["run", "data set", "method", "seed", "status", "accuracy", "worst cell", "CID"],
    )
    keys = (
        "name",
        "id",
        "dataset",
        "method",
        "encoder",
        "seed",
        "group",
        "status",
        "failed_to_fit",
        "seconds",
        "demo",
        "split",
    )
    results = ("accuracy", "worst_cell", "floor", "cid", "verdict")
    console.answer({"runs": [{key: getattr(row, key) for key in (*keys, *results)} for row in rows]}, *lines)


def _show(options: argparse.Namespace, console: Console) -> None:
    _print_run(console, queries.get_run(console.store, options.run).id)


def _delete(options: argparse.Namespace, console: Console) -> None:
    run = queries.get_run(console.store, options.run)
    delete_run(console.store, run)
    console.answer({"run": run.name, "deleted": True}, f"deleted: {run.name}")


def _print_run(console: Console, run_id: str) -> None:
    report = run_summary(console.store, queries.get_run(console.store, run_id))
    lines = [
        f"{key}: {report[key]}"
        for key in ("run", "status", "method", "encoder", "seed", "seconds", "steps", "device", "error")
    ]
    for split, evaluation in report["evaluation"].items():
        lines += _accuracy_lines(split, evaluation)
    console.answer(report, *lines)


def _accuracy_lines(title: str, report: dict[str, Any]) -> list[str]:
    head = (
        f"{title}: accuracy {percent(report['accuracy'])}, worst cell {percent(report['worst_cell'])}, "
        f"the confound alone would reach {percent(report['confound_only_floor'])}"
    )
    cells = [
        f"  {cell['label']} × {cell['confound']}: {percent(cell['accuracy'])} of {cell['n']} ({percent(cell['lo'])} – {percent(cell['hi'])})"
        for cell in report["cells"]
    ]
    return [head, *cells]


def _settings(pairs: list[str]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UserError(f"--set takes KEY=VALUE, for example label_epochs=10; got {pair!r}.")
        settings[key.strip()] = value.strip()
    return settings
