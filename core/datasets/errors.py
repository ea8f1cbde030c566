"""The errors of this room."""

from core.errors import UserError


class DataError(UserError):
    """A file, a column mapping or a data set that cannot be used as it is."""
