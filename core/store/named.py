"""Files that a job names in its JSON columns: what it was given to work on, and what it made."""

from collections.abc import Iterator
from typing import Any


def paths_in(value: Any) -> Iterator[Any]:
    """Whatever stands under a key `path`, however deep."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "path" and inner is not None:
                yield inner
            else:
                yield from paths_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from paths_in(inner)
