"""Imports without garbage collection, without reading the same files twice, and without what nobody asks for.

torch and transformers bring half a million objects that stay for good. While they are made, Python looks through those that
are there over and over, and once more when the process ends: a job that imports all and does nothing takes 5.6 s of a
processor, without looking meanwhile 5.2 s, and without the last look 3.7 s (AMD EPYC, 2.6 GHz).

transformers reads the folders of all its models to know what each of them has, and twice: the cache of the function that
does so holds 128 folders, and there are over 400. With room for all, an import takes 0.25 s less of that processor.
It imports Accelerate, too, where that is there, for what only models in parts need.
"""

import functools
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

ALONE = ("accelerate",)
"""What a process that works alone, on whole models, asks nothing of."""

_READS_A_FOLDER = "create_import_structure_from_path"
_NO_SUCH_PACKAGE: Any = None
"""What Python's own import takes for "there is none" in `sys.modules`, though its type says that only modules stand there."""


@contextmanager
def importing(*, without: tuple[str, ...] = ()) -> Iterator[None]:
    """Within, nothing is collected; afterwards all is as before, but for what is there by then: it is not looked at again.

    Args:
        without: packages that look as if they were not installed, until the block ends or if they are there already.
    """
    collecting = gc.isenabled()
    cache = functools.lru_cache
    hidden = [name for name in without if name not in sys.modules]
    gc.disable()
    functools.lru_cache = _roomy(cache)
    sys.modules.update(dict.fromkeys(hidden, _NO_SUCH_PACKAGE))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
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
