"""/diagnoses"""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as FromQuery
from starlette.responses import StreamingResponse

from core.actions.summaries import diagnosis_row_summary, diagnosis_summary
from core.api import answers, matrix
from core.api.errors import READS
from core.api.questions import DiagnosisPage, Id, Page
from core.api.store import house, paged
from core.store import queries
from core.store.tables import Diagnosis

router = APIRouter(prefix="/diagnoses", tags=["diagnoses"], responses=READS)
PARQUET, NPZ, CSV = "application/vnd.apache.parquet", "application/octet-stream", "text/csv"


def _file(media_type: str) -> dict[int | str, dict[str, Any]]:
    schema = {"type": "string"} | ({} if media_type == CSV else {"format": "binary"})
    return {200: {"description": "The whole matrix", "content": {media_type: {"schema": schema}}}}


@router.get("", response_model=answers.DiagnosisPage)
def list_diagnoses(page: Annotated[DiagnosisPage, FromQuery()]) -> dict[str, Any]:
    """Diagnoses, newest first, without their probes."""
    store = house().store
    run_id = None if page.run is None else queries.get_run(store, page.run).id
    found = queries.list_diagnoses(store, run_id=run_id, limit=page.limit + 1, offset=page.offset)
    there, following = paged(found, page.limit, page.offset)
    return {"diagnoses": [diagnosis_row_summary(one) for one in there], "next_offset": following}


@router.get("/{diagnosis}", response_model=answers.Diagnosis)
def get_diagnosis(diagnosis: Id) -> dict[str, Any]:
    """One diagnosis with its probes."""
    store = house().store
    found = queries.get_diagnosis(store, diagnosis)
    return diagnosis_summary(found, queries.get_run(store, found.run_id))


@router.get("/{diagnosis}/matrix", response_class=StreamingResponse, responses={200: {"model": answers.Matrix}})
def get_matrix(diagnosis: Id, page: Annotated[Page, FromQuery()]) -> StreamingResponse:
    """Rows of the influence matrix."""
    found, scores = _scores(diagnosis)
    return StreamingResponse(matrix.json_page(found, scores, page.limit, page.offset), media_type="application/json")


@router.get("/{diagnosis}/matrix.csv", response_class=StreamingResponse, responses=_file(CSV))
def get_matrix_csv(diagnosis: Id) -> StreamingResponse:
    """The whole matrix as CSV: a line a training example, a column a probe."""
    found, scores = _scores(diagnosis)
    return _attached(matrix.as_csv(scores), found, "csv", CSV)


@router.get("/{diagnosis}/matrix.parquet", response_class=StreamingResponse, responses=_file(PARQUET))
def get_matrix_parquet(diagnosis: Id) -> StreamingResponse:
    """The whole matrix as Parquet: a row a training example, a column a probe."""
    found, scores = _scores(diagnosis)
    return _attached(matrix.as_parquet(scores), found, "parquet", PARQUET)


@router.get("/{diagnosis}/matrix.npz", response_class=StreamingResponse, responses=_file(NPZ))
def get_matrix_npz(diagnosis: Id) -> StreamingResponse:
    """The whole matrix as numpy keeps it: `scores` [N, P], `train_ids` [N], `probe_row` [P]."""
    store = house().store
    found = queries.get_diagnosis(store, diagnosis)
    return _attached(matrix.as_npz(store, found), found, "npz", NPZ)


def _scores(diagnosis_id: str) -> tuple[Diagnosis, matrix.Scores]:
    store = house().store
    found = queries.get_diagnosis(store, diagnosis_id)
    return found, matrix.read_scores(store, found)


def _attached(
    content: Iterator[bytes] | Iterator[str], diagnosis: Diagnosis, ending: str, media_type: str
) -> StreamingResponse:
    name = f"influence-{diagnosis.id}.{ending}"
    return StreamingResponse(
        content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
