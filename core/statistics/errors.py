"""The error of this room."""

from core.errors import UserError


class StatisticsError(UserError):
    """A figure that cannot be worked out from what was given: what is missing, where, and what to do about it."""
