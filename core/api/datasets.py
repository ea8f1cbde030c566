"""/datasets"""

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi import Query as FromQuery

from core.actions.summaries import dataset_summary
from core.api import answers
from core.api.errors import READS
from core.api.questions import ExamplePage, Name, Page
from core.api.store import house, paged
from core.store import queries

router = APIRouter(prefix="/datasets", tags=["datasets"], responses=READS)


@router.get("", response_model=answers.DatasetPage)
def list_datasets(page: Annotated[Page, FromQuery()]) -> dict[str, Any]:
    """Data sets with their profiles, newest first."""
    found = queries.list_datasets(house().store, limit=page.limit + 1, offset=page.offset)
    there, following = paged(found, page.limit, page.offset)
    return {"datasets": [dataset_summary(one) for one in there], "next_offset": following}


@router.get("/{dataset}", response_model=answers.Dataset)
def get_dataset(dataset: Name) -> dict[str, Any]:
    """One data set with its profile."""
    return dataset_summary(queries.get_dataset(house().store, dataset))


@router.get("/{dataset}/examples", response_model=answers.ExamplePage)
def list_examples(dataset: Name, page: Annotated[ExamplePage, FromQuery()]) -> dict[str, Any]:
    """Examples of a split in their order; that of `train` is the order of the rows of a matrix."""
    store = house().store
    columns = ["id", "text", "text_b", "label", "confound"]
    frame = queries.examples(store, queries.get_dataset(store, dataset), page.split, columns)
    part = frame.iloc[page.offset : page.offset + page.limit].astype(object)
    following = page.offset + page.limit if page.offset + page.limit < len(frame) else None
    return {"examples": part.where(part.notna(), None).to_dict("records"), "next_offset": following}
