"""The one kind of error that a person is meant to read."""


class UserError(Exception):
    """Something a person can put right.

    The message is one or two plain sentences: what is wrong, where, and what to do about it. The command line prints
    it and leaves with exit code 2; pages show it in place of a traceback.
    """


class NotFoundError(UserError):
    """What was asked for by name or id is not there."""


class NotYoursError(UserError):
    """It belongs to somebody else, and whoever asked is no admin."""
