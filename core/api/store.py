"""Where a request finds the store."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from core.settings import Settings, get_settings
from core.store.engine import Store, open_store

Item = TypeVar("Item")


class House(NamedTuple):
    """The store and the settings of this server."""

    store: Store
    settings: Settings


def house() -> House:
    """Both are made once a process."""
    settings = get_settings()
    return House(open_store(settings), settings)


def paged(found: Sequence[Item], limit: int, offset: int) -> tuple[Sequence[Item], int | None]:
    """The items of a page of which one more was asked for, and where the next page begins."""
    return found[:limit], offset + limit if len(found) > limit else None
