"""Imports without garbage collection, and without reading the same files twice.

torch and transformers bring half a million objects that stay for good. While they are made, Python looks through those that
are there over and over, and once more when the process ends: a job that imports all and does nothing takes 5.6 s of a
processor, without looking meanwhile 5.2 s, and without the last look 3.7 s (AMD EPYC, 2.6 GHz).

transformers reads the folders of all its models to know what each of them has, and twice: the cache of the function that
does so holds 128 folders, and there are over 400. With room for all, an import takes 0.25 s less of that processor.
"""

import functools
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_READS_A_FOLDER = "create_import_structure_from_path"


@contextmanager
def importing() -> Iterator[None]:
    """Within, nothing is collected; afterwards all is as before, but for what is there by then: it is not looked at again."""
    collecting = gc.isenabled()
    cache = functools.lru_cache
    gc.disable()
    functools.lru_cache = _roomy(cache)
    try:
        yield
    finally:
        functools.lru_cache = cache
        gc.freeze()
        if collecting:
            gc.enable()


def _roomy(cache: Any) -> Callable[..., Any]:
    """`functools.lru_cache`, with room for all results of the one function that needs it."""

    def decorator(*arguments: Any, **options: Any) -> Any:
        if arguments and getattr(arguments[0], "__name__", "") == _READS_A_FOLDER:
            return cache(maxsize=None)(arguments[0])
        return cache(*arguments, **options)

    return decorator
