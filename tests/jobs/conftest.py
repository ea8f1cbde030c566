"""Whatever worker a test of jobs starts is gone after it, where it uses `workers`."""

from tests.faults.conftest import workers

__all__ = ["workers"]
