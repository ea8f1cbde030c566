"""From the address to rows of the store: which run and checkpoint are meant, and what could not be found."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.store import queries
from core.store.engine import Store
from core.store.tables import Checkpoint, Run
from core.views.diagnoses import RunChoice


@dataclass(frozen=True)
class Choice:
    """What the page shows. `checkpoint` is None where the run has none yet."""

    run: Run
    checkpoints: Sequence[Checkpoint]
    checkpoint: Checkpoint | None
    notice: str | None


def choose(store: Store, runs: Sequence[RunChoice], run: str | None, step: str | None) -> Choice:
    """What the address means; where it names something that is not there, the nearest thing and a notice.

    `runs` is not empty. Without a run in the address: the newest that has finished here, or the newest.
    """
    named = next((one for one in runs if run in (one.id, one.name)), None)
    notice = None
    if run is not None and named is None:
        notice = "The run that this link names is not in the store. Choose another below."
    usual = next((one for one in runs if one.status == "done" and not one.demo), runs[0])
    found = queries.get_run(store, (named or usual).id)
    there = queries.checkpoints(store, found.id)
    last = there[-1] if there else None
    if step in (None, "final") or notice:
        return Choice(found, there, last, notice)
    wanted = next((one for one in there if str(one.step) == step), None)
    if wanted is None and last is not None:
        notice = "The run has no checkpoint at the step that this link names. This is its last."
    return Choice(found, there, wanted or last, notice)
