"""`try` from the command line with a real worker: its numbers are those of an evaluation and a diagnosis."""

from collections.abc import Iterator

import numpy as np
import pytest

from core.actions.training import start_training
from core.jobs.supervisor import end_tree
from core.jobs.tries import artifact_of
from core.settings import Settings
from core.store import queries
from core.store.engine import Store
from tests.commands.test_commands import ask, call
from tests.jobs.inside import carry_out
from tests.pages.visits import keep


@pytest.fixture
def worker(store: Store) -> Iterator[None]:
    yield
    for one in queries.live_workers(store):
        end_tree(one.pid, grace=5)


SMALL = {"label_epochs": "2", "batch_size": "16", "max_length": "16", "checkpoints": "1"}


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("worker")
def test_a_try_says_what_evaluation_and_diagnosis_say(store: Store, settings: Settings) -> None:
    alone = settings.model_copy(update={"start_worker": False})
    wish = {"encoder": "tiny", "options": SMALL, "then_diagnose": "final", "probes": 8}
    run = start_training(store, alone, keep(store), name="leaning", **wish).run
    carry_out(store, alone)
    (diagnosis,) = queries.diagnoses(store, run.id)
    probe = diagnosis.report["probes"][0]
    found = ask("try", "leaning", "--example", probe["id"], "--label", probe["label"], "--all-rows", "--wait")
    influence = found["influence"]
    assert found["confound"] == probe["confound"]
    assert influence["cid"]["cid"] == pytest.approx(probe["cid"], abs=1e-5)
    assert (influence["cid"]["n_a"], influence["cid"]["n_b"]) == (probe["n_a"], probe["n_b"])
    assert influence["itself"] == {"id": probe["id"]}
    arrays = store.artifacts.read_arrays(artifact_of(run.id, found["job"]))
    stored = store.artifacts.read_arrays(diagnosis.path)["scores"][:, 0]
    np.testing.assert_allclose(arrays["scores"][np.argsort(arrays["rows"])], stored, atol=1e-5)

    dev = next(one for one in queries.evaluations(store, run.id) if one.split == "dev")
    table = store.artifacts.read_table(str(dev.path))
    one = table.iloc[0]
    told = ask("try", "leaning", "--example", one["id"], "--wait")
    first, *others = told["versions"]
    assert first["predicted"] == one["predicted"]
    assert first["uncalibrated"]["short"] == pytest.approx(one["p_short"], abs=1e-5)
    assert {other["value"] for other in others} == {"negative", "positive", None} - {first["value"]}
    fit = told["calibration"]
    if fit is not None:
        assert fit["nll_after"] <= fit["nll_before"]
        assert fit["n"] == len(table)

    spoken = call(
        "try", "leaning", "--text", "<script>alert(1)</script> هذا 👩‍👩‍👧 " + "word " * 9_000, "--wait"
    ).stdout
    assert "Changing only the confound (as" in spoken
    assert "most harmful:" in spoken
    assert "The text is empty" in call("try", "leaning", "--text", " ", code=2).stderr
    assert "has no example with the id" in call("try", "leaning", "--example", "nobody", code=2).stderr
