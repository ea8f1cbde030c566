"""The report of a comparison says what `compare` says."""

import pytest

from core.actions.comparing import compare_groups
from core.reports.comparison_report import comparison_report
from core.store.engine import Store
from tests.pages import synthetic
from tests.reports.conftest import HOSTILE_NAMES
from tests.reports.test_run_report import figures, words

IT = f"it {HOSTILE_NAMES[0]}"


@pytest.mark.both_databases
def test_it_says_what_compare_says(store: Store, filled: synthetic.Filled) -> None:
    found = compare_groups(store, ["ft", IT])
    report = comparison_report(found)
    said = words(report)
    for one in (*found.comparisons.all, *found.comparisons.fitted):
        assert one.sentence in said
    for note in found.notes:
        assert note in said
    for sentence in found.verdict:
        assert sentence in said
    for part in (
        "4 (1 failed to fit)",
        "without the failed",
        "label_epochs",
        "Configurations tried: ft ",
        "failed to fit",
        "not counted",
    ):
        assert part in said
    assert f"{100 * found.groups[0].all.accuracy.mean:.1f} ± {100 * found.groups[0].all.accuracy.sd:.1f}" in said
    drawn = figures(report)
    assert [one["filename"] for one in drawn] == [
        "compare-accuracy",
        "compare-worst_cell",
        "compare-cid",
        "compare-cid-over-training",
    ]
    dots = [trace for trace in drawn[0]["data"] if "text" in trace]
    assert sum(len(trace["x"]) for trace in dots) == 7


def test_one_group_is_no_comparison_but_has_a_report(store: Store, filled: synthetic.Filled) -> None:
    assert "nothing is compared" in words(comparison_report(compare_groups(store, ["ft"])))
