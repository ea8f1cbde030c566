"""The store as the pages have it: for whoever is there. They open it nowhere else (a test looks)."""

from core.store import engine
from core.store.engine import Store
from pages.parts.sign_in.gate import who


def open_store() -> Store:
    """The store, which acts for whoever has signed in; where nobody signs in, as everybody's.

    Raises:
        UserError: people sign in, and nobody has.
    """
    return engine.open_store().acting_as(who())
