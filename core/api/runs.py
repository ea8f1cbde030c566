"""/runs, /groups and /comparisons"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Annotated, Any
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, File, UploadFile
from fastapi import Query as FromQuery
from starlette.responses import Response, StreamingResponse

from core.actions import summaries
from core.actions.annotating import rename_run, set_note
from core.actions.comparing import compare_groups
from core.actions.deleting import delete_run, find_deleted, list_deleted, restore_run
from core.actions.diagnosing import start_diagnosis
from core.actions.evaluating import start_evaluation
from core.actions.training import start_group, start_training
from core.actions.trying import start_try
from core.actions.tuning import start_tuning, tree
from core.api import answers
from core.api.errors import READS, WRITES, documented
from core.api.questions import (
    ComparisonQuery,
    Deleting,
    Diagnosing,
    GroupTraining,
    MetricPage,
    ModelQuery,
    Name,
    OneTraining,
    ReportQuery,
    RunChange,
    RunPage,
    Trying,
    Tuning,
    as_options,
)
from core.api.security import WITH_TOKEN
from core.api.store import house, paged
from core.datasets.ingest import display_name
from core.reports.model_export import zipped_model
from core.reports.run_report import run_report
from core.store import queries
from core.views.charts import safe_filename

router = APIRouter(responses=READS)
_resampling = CapacityLimiter(1)
"""A comparison resamples seeds and examples for seconds; one at a time leaves the dashboard its threads."""
_writing_files = CapacityLimiter(1)
"""Likewise a report or a model, which is written to the disk as a whole before it is sent."""

# --- reading ---


@router.get("/runs", response_model=answers.RunPage, tags=["runs"])
def list_runs(page: Annotated[RunPage, FromQuery()]) -> dict[str, Any]:
    """Runs, newest first, each with its last evaluation and diagnosis."""
    store = house().store
    dataset_id = None if page.dataset is None else queries.get_dataset(store, page.dataset).id
    found = queries.list_runs(
        store,
        dataset_id=dataset_id,
        group=page.group,
        method=page.method,
        status=page.status,
        limit=page.limit + 1,
        offset=page.offset,
    )
    there, following = paged(found, page.limit, page.offset)
    return {"runs": [summaries.run_row_summary(one) for one in there], "next_offset": following}


@router.get("/runs/{run}", response_model=answers.Run, tags=["runs"])
def get_run(run: Name) -> dict[str, Any]:
    """One run."""
    store = house().store
    return summaries.run_summary(store, queries.get_run(store, run))


@router.get("/runs/{run}/metrics", response_model=answers.MetricPage, tags=["runs"])
def list_metrics(run: Name, page: Annotated[MetricPage, FromQuery()]) -> dict[str, Any]:
    """Numbers that were recorded in training, by name and step."""
    store = house().store
    found = queries.metrics(
        store, queries.get_run(store, run).id, page.name, limit=page.limit + 1, offset=page.offset
    ).to_dict("records")
    there, following = paged(found, page.limit, page.offset)
    return {"metrics": there, "next_offset": following}


@router.get("/runs/{run}/checkpoints", response_model=answers.Checkpoints, tags=["runs"])
def list_checkpoints(run: Name) -> dict[str, Any]:
    """Checkpoints by step."""
    store = house().store
    found = queries.get_run(store, run)
    there = queries.checkpoints(store, found.id)
    return {"run": found.name, "checkpoints": [summaries.checkpoint_summary(one) for one in there]}


@router.get("/runs/{run}/rounds", response_model=answers.Rounds, tags=["runs"])
def list_rounds(run: Name) -> dict[str, Any]:
    """Tuning rounds in their order."""
    store = house().store
    found = queries.get_run(store, run)
    return {"run": found.name, "rounds": [one.report for one in queries.rounds(store, [found.id])]}


@router.get("/runs/{run}/evaluations", response_model=answers.Evaluations, tags=["runs"])
def list_evaluations(run: Name) -> dict[str, Any]:
    """Evaluations by step and split, those of files included."""
    store = house().store
    found = queries.get_run(store, run)
    there = queries.evaluations(store, found.id)
    return {"run": found.name, "evaluations": [summaries.evaluation_summary(one) for one in there]}


@router.get("/runs/{run}/tree", response_model=answers.Tree, tags=["runs"])
def get_tree(run: Name) -> dict[str, Any]:
    """The tree of rounds that the run belongs to."""
    store = house().store
    return {"tree": summaries.tree_summary(tree(store, queries.get_run(store, run)))}


@router.get("/comparisons", response_model=answers.Comparison, tags=["comparisons"], responses=documented(409))
async def compare(asked: Annotated[ComparisonQuery, FromQuery()]) -> dict[str, Any]:
    """Seed groups or runs side by side, with the tests between every two of them."""

    def work() -> dict[str, Any]:
        return compare_groups(
            house().store, asked.group, baseline=asked.baseline, split=asked.split, kind=asked.test
        ).to_dict()

    return await to_thread.run_sync(work, limiter=_resampling)


# --- taking home ---

_HTML, _ZIP = "text/html", "application/zip"


def _file(description: str, media_type: str) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "string"} | ({} if media_type == _HTML else {"format": "binary"})
    return {200: {"description": description, "content": {media_type: {"schema": schema}}}}


@router.get("/runs/{run}/report", response_class=Response, tags=["runs"], responses=_file("The report", _HTML))
async def get_report(run: Name, asked: Annotated[ReportQuery, FromQuery()]) -> Response:
    """The offline report of a run: one HTML file that needs no network."""

    def work() -> Response:
        store = house().store
        found = queries.get_run(store, run)
        text = run_report(store, found, with_texts=asked.texts)
        return Response(
            text.encode("utf-8"), media_type=_HTML, headers=_attached(f"{safe_filename(found.name)}-report.html")
        )

    return await to_thread.run_sync(work, limiter=_writing_files)


@router.get(
    "/runs/{run}/model",
    response_class=StreamingResponse,
    tags=["runs"],
    responses={**documented(409), **_file("The model", _ZIP)},
)
async def get_model(run: Name, asked: Annotated[ModelQuery, FromQuery()]) -> StreamingResponse:
    """A checkpoint as a zip file that `transformers` loads once it is unpacked, with a model card."""

    def work() -> StreamingResponse:
        store = house().store
        name, handle = zipped_model(store, queries.get_run(store, run), asked.checkpoint)
        return StreamingResponse(_blocks(handle), media_type=_ZIP, headers=_attached(name))

    return await to_thread.run_sync(work, limiter=_writing_files)


def _attached(filename: str) -> dict[str, str]:
    """`filename` may hold letters of any script, which a header cannot; both forms are given (RFC 6266)."""
    plain = filename.encode("ascii", "replace").decode().replace("?", "_")
    return {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename)}"}


def _blocks(handle: IO[bytes]) -> Iterator[bytes]:
    with handle:
        while block := handle.read(1 << 20):
            yield block


# --- writing ---


@router.post(
    "/runs", status_code=202, response_model=answers.Started, tags=["runs"], responses=WRITES, dependencies=WITH_TOKEN
)
def train(body: OneTraining) -> dict[str, Any]:
    """Queue a training run, and a diagnosis after it where one is wanted."""
    store, settings = house()
    dataset = queries.get_dataset(store, body.dataset)
    if body.group is None:
        begun = start_training(store, settings, dataset, seed=body.seed, **body.shared())
    else:
        begun = start_group(store, settings, dataset, seeds=[body.seed], group=body.group, **body.shared()).runs[0]
    return summaries.started_summary(begun)


@router.patch("/runs/{run}", response_model=answers.Run, tags=["runs"], responses=WRITES, dependencies=WITH_TOKEN)
def change(run: Name, body: RunChange) -> dict[str, Any]:
    """Give a run another name, or keep a note on it."""
    store = house().store
    found = queries.get_run(store, run)
    if body.name is not None:
        found = rename_run(store, found, body.name)
    if body.note is not None:
        found = set_note(store, found, body.note)
    return summaries.run_summary(store, queries.get_run(store, found.id))


@router.delete(
    "/runs/{run}", response_model=answers.RunDeleted, tags=["runs"], responses=WRITES, dependencies=WITH_TOKEN
)
def delete(run: Name, how: Annotated[Deleting, FromQuery()]) -> dict[str, Any]:
    """Take a run out of every list; it can be brought back for some days."""
    store, settings = house()
    found = queries.get_run(store, run)
    delete_run(store, found, cancel=how.cancel)
    return next(one.to_dict() for one in list_deleted(store, settings) if one.id == found.id)


@router.post(
    "/runs/{run}/restore", response_model=answers.RunRestored, tags=["runs"], responses=WRITES, dependencies=WITH_TOKEN
)
def restore(run: Name) -> dict[str, Any]:
    """Bring a deleted run back, by its id or the name it had."""
    store = house().store
    back = restore_run(store, find_deleted(store, run))
    return {"run": back.name, "id": back.id}


@router.post(
    "/groups",
    status_code=202,
    response_model=answers.StartedGroup,
    tags=["runs"],
    responses=WRITES,
    dependencies=WITH_TOKEN,
)
def train_group(body: GroupTraining) -> dict[str, Any]:
    """Queue one training run a seed, all of them or none, under one group name."""
    store, settings = house()
    dataset = queries.get_dataset(store, body.dataset)
    made = start_group(store, settings, dataset, seeds=body.seeds, group=body.group, **body.shared())
    return {"group": made.name, "runs": [summaries.started_summary(one) for one in made.runs]}


@router.post(
    "/runs/{run}/tunings",
    status_code=202,
    response_model=answers.Started,
    tags=["runs"],
    responses=WRITES,
    dependencies=WITH_TOKEN,
)
def tune(run: Name, body: Tuning) -> dict[str, Any]:
    """Queue a child run that begins with a checkpoint of this one, does a round, then label steps if any are wanted."""
    store, settings = house()
    parent = queries.get_run(store, run)
    begun = start_tuning(
        store,
        settings,
        parent,
        kind=body.kind,
        checkpoint=str(body.checkpoint),
        options=as_options(body.settings),
        then_label_steps=body.then_label_steps,
        name=body.name,
        then_diagnose=body.then_diagnose,
        probes=body.probes,
    )
    return {**summaries.started_summary(begun), "parent": parent.name}


@router.post(
    "/runs/{run}/diagnoses",
    status_code=202,
    response_model=answers.Queued,
    tags=["diagnoses"],
    responses=WRITES,
    dependencies=WITH_TOKEN,
)
def diagnose(run: Name, body: Diagnosing) -> dict[str, Any]:
    """Queue a diagnosis; when its job is done the job's `result` has the ids of the diagnoses."""
    store, settings = house()
    found = queries.get_run(store, run)
    job = start_diagnosis(
        store,
        settings,
        found,
        checkpoint=str(body.checkpoint),
        estimator=body.estimator,
        probes=body.probes,
        probe_source=body.probe_source,
        seed=body.seed,
    )
    return {"run": found.name, "job": job.id, "status": "queued"}


@router.post(
    "/runs/{run}/evaluations",
    status_code=202,
    response_model=answers.Queued,
    tags=["runs"],
    responses=WRITES,
    dependencies=WITH_TOKEN,
)
def evaluate(
    run: Name,
    file: Annotated[
        UploadFile, File(description="CSV, TSV, JSON lines, a JSON array or Parquet, as the data set has it")
    ],
) -> dict[str, Any]:
    """Queue the evaluation of the final checkpoint on a file with the columns of the run's data set."""
    store, settings = house()
    found = queries.get_run(store, run)
    with TemporaryDirectory(prefix="unconfound-") as folder:
        path = Path(folder, "upload")  # never a name that somebody else chose
        with path.open("wb") as handle:
            shutil.copyfileobj(file.file, handle)
        job = start_evaluation(store, settings, found, path, display_name(file.filename or ""))
    return {"run": found.name, "job": job.id, "status": "queued"}


@router.post(
    "/runs/{run}/tries",
    status_code=202,
    response_model=answers.Queued,
    tags=["runs"],
    responses=WRITES,
    dependencies=WITH_TOKEN,
)
def try_text(run: Name, body: Trying) -> dict[str, Any]:
    """Queue the try of a text; the job's `result` has the decision as soon as it is made, and influence when it is done."""
    store, settings = house()
    found = queries.get_run(store, run)
    job = start_try(store, settings, found, **{**body.model_dump(), "checkpoint": str(body.checkpoint)})
    return {"run": found.name, "job": job.id, "status": "queued"}
