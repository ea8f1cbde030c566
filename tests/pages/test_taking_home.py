"""What is taken home: a report, a model, every table, every figure, and nothing is made before it is asked for."""

import json
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.settings import PROJECT
from core.store.engine import Store
from tests.pages import synthetic
from tests.pages.visits import healthy, visit

PAGES = sorted((PROJECT / "pages").rglob("*.py"))
WITHOUT_CSV = {"diagnose/card.py"}
"""Tables that are a line of another table, which has its CSV."""


def buttons(app: AppTest) -> dict[str, str]:
    return {one.proto.label: one.proto.url for one in app.get("download_button")}


@pytest.fixture
def nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("run_report", "zipped_model", "comparison_report", "compare_groups"):
        monkeypatch.setattr(
            f"pages.parts.taking_home.{name}", lambda *_, **__: pytest.fail("made before it was asked for")
        )


@pytest.mark.usefixtures("nothing_is_made")
def test_a_run_has_its_report_and_its_model(store: Store) -> None:
    filled = synthetic.fill(store)
    offered = buttons(visit("train", run=filled.run.id))
    assert {"Download the report", "Model"} <= set(offered)
    assert "Download the report" in buttons(visit("diagnose", run=filled.run.id))
    demo = synthetic.add_run(store, filled.dataset, "demo", demo=True)
    failed = synthetic.add_run(store, filled.dataset, "failed", status="failed", steps=())
    for run in (demo, failed):
        offered = buttons(visit("train", run=run.id))
        assert "Download the report" in offered
        assert "Model" not in offered


def formats(app: AppTest) -> set[str]:
    return {json.loads(one.proto.config)["toImageButtonOptions"]["format"] for one in app.get("plotly_chart")}


def test_the_choice_of_format_holds_for_every_figure_of_the_visit(store: Store) -> None:
    filled = synthetic.fill(store)
    synthetic.add_rounds(store, filled.run)
    app = visit("diagnose", run=filled.run.id)
    assert formats(app) == {"png"}
    choice = next(one for one in app.get("button_group") if one.key == "figures-save-as-choice")
    choice.set_value("svg")
    app.run()
    assert formats(healthy(app)) == {"svg"}
    for page, query in (("train", {"run": filled.run.id}), ("data", {"dataset": filled.dataset.id})):
        app.switch_page(f"{page}/page.py")
        app.query_params.update(query)
        assert formats(healthy(app.run())) == {"svg"}
    app.switch_page("jobs/page.py")
    assert not [one for one in healthy(app.run()).get("button_group") if one.key == "figures-save-as-choice"]
    app.switch_page("diagnose/page.py")
    app.query_params.update({"run": filled.run.id})
    assert formats(healthy(app.run())) == {"svg"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(PROJECT / "pages").as_posix())
def test_every_figure_can_be_saved_and_every_table_has_its_csv(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    name = path.relative_to(PROJECT / "pages").as_posix()
    if "plotly_chart(" in source and name != "parts/saving.py":
        assert "from pages.parts.saving import" in source, "take `config` from pages.parts.saving: it knows PNG and SVG"
        assert source.count("plotly_chart(") == len(re.findall(r"\bconfig=config\(", source))
    if re.search(r"\bst\.(dataframe|table)\(", source) and name not in WITHOUT_CSV:
        assert "download_csv(" in source, "every table has a CSV: pages.parts.tables.download_csv"
