"""A deleted run is on no page, under no name, and whoever has its address is told; what belongs beside it goes on."""

import pytest

from core.actions.deleting import delete_run, restore_run
from core.actions.tuning import tree
from core.reports.run_report import _branches
from core.store import queries
from core.store.engine import Store
from core.store.tables import Run
from tests.pages import synthetic
from tests.pages.visits import PAGES, keep, visit, words


@pytest.fixture
def deleted(store: Store) -> Run:
    """A deleted run with a child and another beside it."""
    dataset = keep(store, n_train=120, n_dev=40)
    run = synthetic.add_run(store, dataset, "gone", steps=(10,))
    synthetic.add_diagnosis(store, run, step=10, effect=0.3, probes=8, draws=20)
    child = synthetic.add_run(store, dataset, "child", method="influence-tuning", parent=(run, 10), steps=(10,))
    synthetic.add_diagnosis(store, child, step=10, effect=0.05, probes=8, draws=20)
    synthetic.add_run(store, dataset, "beside", steps=(10,))
    delete_run(store, run)
    return run


def everything(page: object) -> str:
    """All that is said, chosen from, tabled or linked to."""
    said = [words(page)]
    for kind in ("selectbox", "multiselect"):
        said += [str(box.options) for box in page.get(kind)]
    said += [table.value.to_string() for table in page.dataframe]
    said += [str(link.proto) for link in page.get("page_link")]
    return "\n".join(said)


@pytest.mark.parametrize("name", [page for page in PAGES if page != "overview"])
def test_it_is_on_no_page(deleted: Run, name: str) -> None:
    said = everything(visit(name))
    assert "gone" not in said
    assert "deleted/" not in said
    assert deleted.id not in said


@pytest.mark.parametrize("name", ["train", "diagnose", "tune"])
@pytest.mark.parametrize("by", ["id", "name"])
def test_its_address_says_that_it_is_not_there(deleted: Run, name: str, by: str) -> None:
    said = words(visit(name, run=deleted.id if by == "id" else "gone"))
    assert "There is no such run" in said or "is not in the store" in said


@pytest.mark.parametrize("name", ["train", "diagnose", "tune"])
def test_its_child_has_all_its_pages(deleted: Run, store: Store, name: str) -> None:
    child = queries.get_run(store, "child")
    said = everything(visit(name, run=child.id))
    assert "child" in said
    assert "deleted/" not in said
    if name != "diagnose":
        assert "a run that has been deleted" in said


def test_the_report_of_its_child_says_so_until_it_is_back(deleted: Run, store: Store) -> None:
    child = queries.get_run(store, "child")
    assert [one["orphan"] for one in _branches(child, tree(store, child))] == [True]
    restore_run(store, deleted)
    assert [one["orphan"] for one in _branches(child, tree(store, child))] == [False, False]
