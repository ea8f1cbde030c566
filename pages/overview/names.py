"""What the states of the run list are called."""

from core.views.texts import STATUS

STATE_NAMES = {**STATUS, "unfit": "failed to fit", "demo": "demo"}
