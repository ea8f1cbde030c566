"""The tour leads from page to page over the demo, keeps its place in the address, and ends when told to."""

import pytest

from core.actions.demo import add_demo
from core.store import queries
from core.store.engine import Store
from core.views.glossary import as_markdown, entries
from core.views.texts import TERMS
from tests.pages.visits import PAGES, healthy, keep, visit, words

STEPS = [
    ("overview", "A model that is right for the wrong reason?"),
    ("data", "The data set up the trap"),
    ("train", "A good model, it seems"),
    ("diagnose", "The verdict"),
    ("diagnose", "Since when?"),
    ("diagnose", "One decision, every training example"),
    ("diagnose", "Read them"),
]


@pytest.fixture
def demo(store: Store) -> Store:
    """A newcomer's store."""
    assert add_demo(store)
    return store


def test_the_tour_is_offered_beside_the_demo_and_leads_to_a_bins_examples(demo: Store) -> None:
    page = visit("overview")
    page.button(key="tour-start").click().run()
    for number, (_, title) in enumerate(STEPS, 1):
        healthy(page)
        assert page.query_params["tour"] == str(number)
        assert f"**{title}** · step {number} of" in words(page)
        page.button(key="tour-next").click().run()
    page.button(key="tour-back").click().run()
    said = words(healthy(page))
    run = next(one for one in queries.list_runs(demo) if one.name == "demo")
    assert page.query_params["run"] == "demo"
    assert {"probe", "bin", "step"} <= set(page.query_params)
    assert "Who speaks for this decision?" in said
    assert "examples with the same confound" in said
    assert run.verdict == "confounded"


def test_it_comes_to_an_end_and_is_then_out_of_the_address(demo: Store) -> None:
    page = visit("overview", tour="99")
    assert "Your turn" in words(page)
    assert "tour-next" not in {one.key for one in page.button}
    page.button(key="tour-end").click().run()
    assert "tour" not in page.query_params
    assert "Your turn" not in words(healthy(page))
    assert [one.label for one in page.button if one.key == "tour-start"] == ["Show me around, 3 minutes"]


@pytest.mark.parametrize("page_name", PAGES)
def test_a_link_to_a_step_leads_to_its_page(demo: Store, page_name: str) -> None:
    page = visit(page_name, tour="4")
    said = words(page)
    assert "**The verdict** · step 4" in said
    assert "The model is confounded." in said


@pytest.mark.parametrize("step", ["", "0", "-3", "x", "9" * 5000, "<b>", "²"])
def test_a_step_that_there_is_not_is_the_nearest(demo: Store, step: str) -> None:
    page = visit("overview", tour=step)
    assert "step 1 of" in words(page)


def test_without_a_diagnosed_run_there_is_nothing_to_show(store: Store) -> None:
    keep(store)
    page = visit("overview", tour="3")
    assert "The tour needs a run that was diagnosed" in words(page)
    assert "tour-start" not in {one.key for one in page.button}


@pytest.mark.parametrize("page_name", PAGES)
def test_every_page_has_the_glossary_at_its_foot(store: Store, page_name: str) -> None:
    page = visit(page_name)
    page.button(key="glossary").click().run()
    said = words(healthy(page))
    assert "**CID**" in said
    assert "Confound influence difference" in said


def test_the_glossary_has_every_term_with_its_source() -> None:
    said = as_markdown()
    assert len(entries()) == len(TERMS)
    for term in TERMS.values():
        assert term.sentence in said
        assert term.url is None or f"[Source]({term.url})" in said
    assert "CID" not in as_markdown("calibration error").split("**")[1::2]
    assert as_markdown("no such word") == ""
