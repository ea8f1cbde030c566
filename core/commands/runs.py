"""`train`, `diagnose`, `evaluate` and `run list|show`."""

import argparse
from typing import Any

from core.actions.diagnosing import start_diagnosis
from core.actions.evaluating import start_evaluation
from core.actions.run_list import SORTS, STATES, look_through
from core.actions.summaries import diagnosis_summary, run_row_summary, run_summary, started_summary
from core.actions.training import Started, StartedGroup, like, parse_seeds, start_group, start_training
from core.commands import keeping
from core.commands.console import Console, JobFailedError, number, percent, table
from core.encoders.catalogue import resolve
from core.errors import UserError
from core.store import queries
from core.store.tables import Run
from core.training.diagnosis_config import ESTIMATORS
from core.views.layer_shares import layers_of, where_it_lives
from core.views.texts import METHODS


def add_commands(commands: Any, common: argparse.ArgumentParser) -> None:
    """Hang the commands of this file under the top parser."""
    train = commands.add_parser("train", parents=[common], help="fine-tune a classifier in the background")
    begin = train.add_mutually_exclusive_group(required=True)
    begin.add_argument("--dataset", help="name or id of a data set")
    begin.add_argument(
        "--like",
        metavar="RUN",
        help="data set, encoder, seed and settings of this run; with another --method, rounds that suit it",
    )
    train.add_argument(
        "--method", help="how it is trained (finetune); no-spurious: finetuning on the data set's control"
    )
    train.add_argument("--encoder", help="minilm (usual), tiny, or a model of the hub (with --revision)")
    train.add_argument("--revision", help="commit of a hub model")
    which = train.add_mutually_exclusive_group()
    which.add_argument("--seed", type=int, help="2021 when not given")
    which.add_argument("--seeds", metavar="SEED,SEED", help="one run for each, as a group")
    train.add_argument(
        "--group", help="name of the group; with --seeds <data set>-<method> when not given. It may be an earlier one"
    )
    train.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a training setting, e.g. label_epochs=10"
    )
    train.add_argument("--name", help="name of the run; with several seeds each run's name ends with its seed")
    train.add_argument("--diagnose-every", type=int, metavar="N", help="a point of the CID curve every N label steps")
    train.add_argument("--then-diagnose", choices=["final", "all"], help="diagnose the final checkpoint, or all")
    train.add_argument("--probes", type=int, default=40, help="of that diagnosis")
    train.add_argument("--wait", action="store_true", help="return when everything has ended")
    train.set_defaults(command=_train)

    diagnose = commands.add_parser("diagnose", parents=[common], help="measure how training examples pull on probes")
    diagnose.add_argument("run", help="name or id of a run")
    diagnose.add_argument("--checkpoint", default="final", help="final, a step, or all")
    diagnose.add_argument(
        "--estimator",
        default="cosine",
        choices=sorted(ESTIMATORS),
        help="; ".join(f"{name}: {title}" for name, title in ESTIMATORS.items()),
    )
    diagnose.add_argument("--probes", type=int, default=40, help="how many, equally from the label × confound cells")
    diagnose.add_argument(
        "--probe-source",
        default="train",
        choices=["train", "dev", "first"],
        help="dev: held out; first: the first training rows, as the paper took them",
    )
    diagnose.add_argument("--seed", type=int, help="of the choice of probes; the run's own when not given")
    diagnose.add_argument("--wait", action="store_true", help="return when it has ended")
    diagnose.set_defaults(command=_diagnose)

    evaluate = commands.add_parser("evaluate", parents=[common], help="accuracy of a run on a labelled file")
    evaluate.add_argument("run", help="name or id of a run")
    evaluate.add_argument("--file", required=True, help="a file with the columns of the run's data set")
    evaluate.set_defaults(command=_evaluate)

    group = commands.add_parser("run", help="runs in the store").add_subparsers(required=True, metavar="ACTION")
    listing = group.add_parser("list", parents=[common], help="every run, newest first")
    listing.add_argument("--find", default="", metavar="WORDS", help="in name, data set, method, group or note")
    listing.add_argument("--dataset", help="name or id of a data set")
    listing.add_argument("--method", help="only this method")
    listing.add_argument("--status", choices=STATES, help="unfit: it has not learned its training set")
    listing.add_argument("--sort", choices=list(SORTS), default="newest", help="cid and accuracy: highest first")
    listing.add_argument("--deleted", action="store_true", help="those that are deleted and can still be brought back")
    listing.set_defaults(command=_list)
    show = group.add_parser("show", parents=[common], help="one run")
    show.add_argument("run", help="name or id of a run")
    show.set_defaults(command=_show)
    keeping.add_actions(group, common)


def _train(options: argparse.Namespace, console: Console) -> None:
    begun_like = None if options.like is None else queries.get_run(console.store, options.like)
    dataset = queries.get_dataset(console.store, options.dataset if begun_like is None else begun_like.dataset_id)
    common = {
        **_beginning(options, console, begun_like),
        "name": options.name,
        "then_diagnose": options.then_diagnose,
        "probes": options.probes,
    }
    if options.seeds is not None:
        seeds = parse_seeds(options.seeds)
        made = start_group(console.store, console.settings, dataset, seeds=seeds, group=options.group, **common)
        _answer_group(options, console, made)
        return
    usual = 2021 if begun_like is None else begun_like.seed
    seed = usual if options.seed is None else options.seed
    if options.group is None:
        begun = start_training(console.store, console.settings, dataset, seed=seed, **common)
    else:
        made = start_group(console.store, console.settings, dataset, seeds=[seed], group=options.group, **common)
        begun = made.runs[0]
    if not options.wait:
        console.answer(started_summary(begun), _queued_line(begun))
        return
    try:
        _wait(console, begun)
    except JobFailedError as error:
        raise JobFailedError(
            str(error), run_summary(console.store, queries.get_run(console.store, begun.run.id))
        ) from error
    print_run(console, begun.run.id)


def _beginning(options: argparse.Namespace, console: Console, run: Run | None) -> dict[str, Any]:
    """Method, encoder and settings, where a run is named those of it, as far as nothing else was asked for."""
    asked = settings_from(options.set) | _curve(options.diagnose_every)
    if run is None:
        encoder, revision = options.encoder or "minilm", options.revision
        return {"method": options.method or "finetune", "encoder": encoder, "revision": revision, "options": asked}
    encoder = options.encoder or run.encoder
    revision = options.revision or (run.encoder_revision if encoder == run.encoder else None)
    method = options.method or run.method
    spec = resolve(encoder, revision, allowed_roots=console.settings.local_models)
    kept = {key: str(value) for key, value in like(run, method, spec).items() if value is not None}
    return {"method": method, "encoder": encoder, "revision": revision, "options": kept | asked}


def _answer_group(options: argparse.Namespace, console: Console, group: StartedGroup) -> None:
    if not options.wait:
        lines = [f"group {group.name}", *(_queued_line(one) for one in group.runs)]
        console.answer({"group": group.name, "runs": [started_summary(one) for one in group.runs]}, *lines)
        return
    failures = []
    for one in group.runs:
        try:
            _wait(console, one)
        except JobFailedError as error:  # the others go on
            failures.append(str(error))
    runs = [run_summary(console.store, queries.get_run(console.store, one.run.id)) for one in group.runs]
    report = {"group": group.name, "runs": runs}
    if failures:
        raise JobFailedError("\n".join(failures), report)
    console.answer(report, f"group: {group.name}", *(line for run in runs for line in ("", *_run_lines(run))))


def _wait(console: Console, begun: Started) -> None:
    console.wait(begun.job, f"The training of {begun.run.name}")
    if begun.diagnosis is not None:
        console.wait(begun.diagnosis, f"The diagnosis of {begun.run.name}")


def _queued_line(begun: Started) -> str:
    then = "" if begun.diagnosis is None else f", then diagnosis {begun.diagnosis.id}"
    return f"queued: run {begun.run.name}, job {begun.job.id}{then}"


def _curve(every: int | None) -> dict[str, str]:
    return {} if every is None else {"diagnose_every": str(every)}


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
    lines = [line for one in found for line in (f"step {one.step}: {one.sentence}", *_layer_lines(one.report))]
    console.answer(reports[0] if options.checkpoint != "all" else {"run": run.name, "diagnoses": reports}, *lines)


def _layer_lines(report: dict[str, Any]) -> list[str]:
    """Where CID lives, in words, and each layer's share; nothing where influence was not kept by layer."""
    layers = layers_of(report)
    if not layers:
        return []
    words = where_it_lives(layers, report["cid"], report.get("null"))
    shares = [f"  {one.layer}: {number(one.cid)} of CID, {number(one.within)} within the layer" for one in layers]
    return [words, *shares]


def _evaluate(options: argparse.Namespace, console: Console) -> None:
    run = queries.get_run(console.store, options.run)
    job = start_evaluation(console.store, console.settings, run, options.file)
    ended = console.wait(job, f"The evaluation of {run.name}")
    report = (ended.result or {})["evaluation"]
    console.answer(report, *_accuracy_lines(options.file, report))


def _list(options: argparse.Namespace, console: Console) -> None:
    if options.deleted:
        keeping.print_deleted(console)
        return
    rows = look_through(
        console.store,
        queries.list_runs(console.store),
        find=options.find,
        dataset=options.dataset,
        method=options.method,
        status=options.status,
        sort=options.sort,
        titles=METHODS,
    )
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
    console.answer({"runs": [run_row_summary(row) for row in rows]}, *lines)


def _show(options: argparse.Namespace, console: Console) -> None:
    print_run(console, queries.get_run(console.store, options.run).id)


def print_run(console: Console, run_id: str) -> None:
    report = run_summary(console.store, queries.get_run(console.store, run_id))
    console.answer(report, *_run_lines(report))


def _run_lines(report: dict[str, Any]) -> list[str]:
    lines = [
        f"{key}: {report[key]}"
        for key in ("run", "status", "method", "encoder", "seed", "seconds", "steps", "device", "error")
    ]
    lines += [f"note: {line}" for line in report["note"].splitlines()]
    for split, evaluation in report["evaluation"].items():
        lines += _accuracy_lines(split, evaluation)
    lines += [
        f"CID at step {one['checkpoint']}: {number(one['cid'])} ({one['estimator']})" for one in report["diagnoses"]
    ]
    return lines


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


def settings_from(pairs: list[str]) -> dict[str, str]:
    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise UserError(f"--set takes KEY=VALUE, for example label_epochs=10; got {pair!r}.")
        settings[key.strip()] = value.strip()
    return settings
