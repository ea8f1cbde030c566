"""Every check, one after the other; what one finds keeps none of the others from looking."""

from core.actions.doctor import database, files, machine, setup
from core.actions.doctor.finding import Finding
from core.settings import Settings
from core.store.engine import Store
from core.store.trouble import StoreTroubleError


def check_store(store: Store, settings: Settings, *, mend: bool = False) -> list[Finding]:
    """Look at everything. Nothing is changed, and nothing is migrated, but with `mend`.

    Args:
        mend: put files that nobody names aside (`orphans` in the store's folder) and remove half-written ones.
    """
    found = [*database.schema(store)]
    if all(one.level != "problem" for one in found):
        found += database.integrity(store)
        if database.is_current(store):
            try:
                found += [*database.workers(store, settings), *files.check(store, settings, mend=mend)]
            except StoreTroubleError as trouble:
                found.append(Finding("files", "problem", str(trouble), "Files could not be compared with rows."))
    return [*found, *machine.check(settings), *setup.check(settings)]
