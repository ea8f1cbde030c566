"""What must not leave the machine in a file that is passed on: where things lie on it, and words that open something."""

import re
from typing import Any

from core.system.places import is_full_path, last_part

_URL_WITH_SECRET = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/@]+@", re.IGNORECASE)
_URL_QUERY = re.compile(r"([a-z][a-z0-9+.-]*://[^\s?#]+)\?[^\s]*", re.IGNORECASE)
_PATH = re.compile(r"(?<![\w:/.<])(?:~|[A-Za-z]:)?[/\\](?:[^/\\\s'\"<>]+[/\\])+([^/\\\s'\"<>]*)")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNSEEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def scrubbed(text: str) -> str:
    """A text of the machine (an error, a device, a version) with folders cut from paths and passwords from URLs."""
    text = _URL_QUERY.sub(r"\1", _URL_WITH_SECRET.sub(r"\1***@", text))
    return _PATH.sub(lambda found: f"…/{found[1]}", text)


def encoder_name(name: str) -> str:
    """The name of an encoder; of a local one its folder's name alone."""
    return f"{last_part(name)} (a local folder)" if is_full_path(name) else name


def sayable(value: Any) -> Any:
    """A text without what no document can hold: control characters and halves of a character."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return _SURROGATE.sub("\ufffd", _UNSEEN.sub("\ufffd", value))
