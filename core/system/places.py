"""Folders of this machine as settings name them: by a full path of its own kind, or by a URL."""

import re
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

_HERE = re.compile(r"(?:file|local)://(.+)", re.DOTALL)
_REMOTE = re.compile(r"(?!file:|local:|memory:)[a-z0-9+.-]+://[^/]+.*", re.DOTALL)


def folder_of(place: str, kind: type[PurePath] = Path) -> PurePath | None:
    r"""The folder that an artifact root names: `/…` here, `C:\…` or `\\server\share\…` on Windows, or file://….

    None for anything else: a URL of another machine, or what `is_place` refuses. kind: whose rules hold; this machine's.
    """
    there = _HERE.fullmatch(place)
    named = place if there is None else there[1]
    if there is not None and isinstance(kind("."), PureWindowsPath):
        named = re.sub(r"^/(?=[A-Za-z]:)", "", named)  # file:///C:/…
    folder = kind(named)
    return folder if folder.is_absolute() else None


def is_place(place: str, kind: type[PurePath] = Path) -> bool:
    """Whether a text can be an artifact root: a full path, or a URL."""
    return folder_of(place, kind) is not None or _REMOTE.fullmatch(place) is not None


def sqlite_url(file: PurePath) -> str:
    """SQLAlchemy's URL of a SQLite file. Forward slashes, which Windows takes as well; what a URL would read is escaped."""
    return "sqlite:///" + file.as_posix().replace("%", "%25").replace("?", "%3F")


def is_full_path(name: str) -> bool:
    r"""Whether a name is a full path on any system: a store may have come from another one."""
    return PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute()


def last_part(name: str) -> str:
    """The last part of a path of any system."""
    return PurePosixPath(name).name if PurePosixPath(name).is_absolute() else PureWindowsPath(name).name
