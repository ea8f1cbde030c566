"""What can be wrong with a request for influence, each with its own sentence."""

from core.errors import UserError


class InfluenceError(UserError):
    """A request for influence that cannot be answered exactly; the message says why and what to do."""


class UnknownParameterError(InfluenceError):
    """`parameters=` names something that the model does not have, or that is frozen."""


class UncoveredParameterError(InfluenceError):
    """A trainable parameter has no rule: leaving it out silently would change every cosine."""


class ZeroGradientError(InfluenceError):
    """An example's gradient is exactly zero, so its cosine with anything is undefined."""


class NonFiniteGradientError(InfluenceError):
    """An example's gradient holds NaN or infinity."""


class MemoryLimitError(InfluenceError):
    """Not even one example at a time fits the memory that the engine may take."""
