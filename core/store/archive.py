"""A backup as it lies on a disk: one tar file, or a folder with the same content, there whole or not at all.

    states/…, files/…      artifacts under their own names
    tables/<name>.jsonl    one row a line
    manifest.json          written last: versions, counts, and size and SHA-256 of every other file

What is read was perhaps made by somebody else, so every name is checked before anything is opened, links and devices are
refused, and `Archive.verify` compares every byte with the manifest before the first one is used. The manifest itself is not
signed: a backup is to be trusted like the store that it becomes.
"""

import errno
import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import UserError
from core.system.files import flush, move

FORMAT = 1
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 256 * 2**20
_CHUNK = 1 << 20
_PART = r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}"
_ARTIFACT = re.compile(rf"(datasets|runs)/{_PART}(/{_PART}){{1,6}}|jobs/{_PART}\.log")
_MEMBER = re.compile(rf"tables/[a-z_]{{1,60}}\.jsonl|(files|states)/({_ARTIFACT.pattern})")


class BackupError(UserError):
    """A backup that cannot be made, or one that cannot be used."""


class Entry(BaseModel):
    """A file of a backup."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What a backup holds.

    made_at: UTC, ISO 8601; schema_revision: of the database; database: what it was kept in; rows: by table; missing: artifacts
    that rows name and that were not there.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)
    format: int
    made_at: str
    made_by: dict[str, str]
    schema_revision: str
    database: str
    checkpoints: bool
    rows: dict[str, int]
    files: dict[str, Entry]
    missing: list[str]


def is_artifact(name: object) -> bool:
    """Whether a path could be one of the store's own artifacts: no root, no `..`, nothing hidden, no odd character."""
    return isinstance(name, str) and _ARTIFACT.fullmatch(name) is not None and ".." not in name


class Writer:
    """Takes one file after the other and notes what it took."""

    def __init__(self, put: Callable[[str, IO[bytes], int], None]) -> None:
        self._put = put
        self.entries: dict[str, Entry] = {}

    def add(self, name: str, source: IO[bytes], size: int) -> None:
        """Take the next `size` bytes of an open file under a name."""
        if _MEMBER.fullmatch(name) is None or ".." in name or name in self.entries:
            raise ValueError(f"{name!r} is no name for a file of a backup")
        hashed = _Hashed(source, size)
        self._put(name, hashed, size)  # type: ignore[arg-type]  # tarfile and shutil only read
        if hashed.left:
            raise BackupError(f"{name} became shorter while it was copied. Make the backup again.")
        self.entries[name] = Entry(bytes=size, sha256=hashed.digest.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Add what says that the backup is whole."""
        content = json.dumps(manifest.model_dump(), sort_keys=True).encode()
        self._put(MANIFEST, _Hashed.of(content), len(content))  # type: ignore[arg-type]


class _Hashed:
    """Reads up to so many bytes of a file and keeps their SHA-256."""

    def __init__(self, source: IO[bytes], size: int) -> None:
        self._source, self.left, self.digest = source, size, sha256()

    @classmethod
    def of(cls, content: bytes) -> "_Hashed":
        return cls(BytesIO(content), len(content))

    def read(self, most: int = -1) -> bytes:
        block = self._source.read(self.left if most < 0 else min(most, self.left))
        self.left -= len(block)
        self.digest.update(block)
        return block


@contextmanager
def writing(target: Path) -> Iterator[Writer]:
    """A backup in the making; when all went well it is flushed to the disk and takes its name.

    Raises:
        BackupError: there is something of that name, or it cannot be written; nothing is left behind.
    """
    if target.exists() or target.is_symlink():
        raise BackupError(f"There is already something at {target}. Choose another name; no backup is written over.")
    scratch = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".tar":
            with scratch.open("xb") as handle:
                os.chmod(scratch, 0o600)
                with tarfile.open(fileobj=handle, mode="w", format=tarfile.PAX_FORMAT) as tar:
                    yield Writer(lambda name, source, size: _put_in_tar(tar, name, source, size))
                handle.flush()
                os.fsync(handle.fileno())
        else:
            scratch.mkdir(mode=0o700)
            yield Writer(lambda name, source, _size: _put_in_folder(scratch, name, source))
            _flush_folders(scratch)
        move(scratch, target)
        flush(target.parent)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        cure = "Free some space, or choose another place." if full else "Check that the place may be written."
        raise BackupError(
            f"The backup {target} could not be written ({error.strerror or error}). {cure} Nothing was left behind."
        ) from error
    finally:
        if scratch.is_dir():
            shutil.rmtree(scratch, ignore_errors=True)
        else:
            scratch.unlink(missing_ok=True)


def _put_in_tar(tar: tarfile.TarFile, name: str, source: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    tar.addfile(member, source)


def _put_in_folder(folder: Path, name: str, source: IO[bytes]) -> None:
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as out:
        shutil.copyfileobj(source, out, _CHUNK)
        out.flush()
        os.fsync(out.fileno())


def _flush_folders(top: Path) -> None:
    for folder, _, _ in os.walk(top, topdown=False):
        flush(Path(folder))


class Content(Protocol):
    """Where the files of a backup are read from."""

    def sizes(self) -> dict[str, int]:
        """Bytes of every file, by name."""

    def open(self, name: str) -> IO[bytes]:
        """One of them."""


class Archive:
    """A backup to be read; its manifest is known and its names are harmless."""

    def __init__(self, place: Path, content: Content) -> None:
        self.place = place
        self._content = content
        sizes = content.sizes()
        if sizes.get(MANIFEST, LARGEST_MANIFEST + 1) > LARGEST_MANIFEST:
            raise BackupError(f"{place} is no whole backup: it has no manifest. Was it cut off while it was copied?")
        with content.open(MANIFEST) as handle:
            self.manifest = _manifest(place, handle.read(LARGEST_MANIFEST))
        there = {name: size for name, size in sizes.items() if name != MANIFEST}
        said = {name: entry.bytes for name, entry in self.manifest.files.items()}
        if there != said:
            name = min(name for name in {*there, *said} if there.get(name) != said.get(name))
            raise BackupError(f"{place} is damaged: {name!r:.200} is not as its manifest says. Use another backup.")

    @property
    def size(self) -> int:
        """Of all files together."""
        return sum(entry.bytes for entry in self.manifest.files.values())

    def names(self, room: str) -> list[str]:
        """The files below `tables`, `files` or `states`."""
        return sorted(name for name in self.manifest.files if name.startswith(f"{room}/"))

    def open(self, name: str) -> IO[bytes]:
        """A file that the manifest names."""
        return self._content.open(name)

    def verify(self, tell: Callable[[float, str], None]) -> None:
        """Compare every file with its SHA-256.

        Raises:
            BackupError: one differs.
        """
        done = 0
        for name, entry in self.manifest.files.items():
            with self.open(name) as handle:
                self.check(name, lambda _block: None, handle)
            done += entry.bytes
            tell(done / max(self.size, 1), f"checked {name}")

    def check(self, name: str, take: Callable[[bytes], object], handle: IO[bytes]) -> None:
        """Read a file to its end, hand on every block, and compare.

        Raises:
            BackupError: it differs.
        """
        digest = sha256()
        try:
            while block := handle.read(_CHUNK):
                digest.update(block)
                take(block)
        except (tarfile.TarError, EOFError):
            pass  # cut off: the hash says so
        if digest.hexdigest() != self.manifest.files[name].sha256:
            raise BackupError(f"{self.place} is damaged: {name} is not what was saved. Use another backup.")


@contextmanager
def reading(place: Path) -> Iterator[Archive]:
    """Open a backup; its names and its manifest are checked, its content is not yet.

    Raises:
        BackupError: it is none, is damaged, was tampered with or comes from a newer version.
    """
    if place.is_dir():
        yield Archive(place, _Folder(place))
        return
    try:
        tar = tarfile.open(place, "r:")  # noqa: SIM115 - closed below; the errors of opening are told apart
    except FileNotFoundError:
        raise BackupError(f"There is no backup at {place}. Check the path.") from None
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise BackupError(f"{place} is no backup of Unconfound: it cannot be read as a tar file ({error}).") from None
    with tar:
        yield Archive(place, _Tar(place, tar))


class _Tar:
    def __init__(self, place: Path, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._members: dict[str, tarfile.TarInfo] = {}
        try:
            for member in tar:
                plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.sparse
                _check_member(place, member.name, plain=plain, twice=member.name in self._members)
                self._members[member.name] = member
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            raise BackupError(f"{place} is damaged or cut off ({error}). Use another backup.") from None

    def sizes(self) -> dict[str, int]:
        return {name: member.size for name, member in self._members.items()}

    def open(self, name: str) -> IO[bytes]:
        handle = self._tar.extractfile(self._members[name])
        assert handle is not None  # only plain files came in
        return handle


class _Folder:
    def __init__(self, place: Path) -> None:
        self._place = place
        self._names: list[str] = []
        for folder, below, names in os.walk(place):
            for name in (*below, *names):
                path = Path(folder, name)
                if path.is_dir() and not path.is_symlink():
                    continue
                shown = path.relative_to(place).as_posix()
                _check_member(place, shown, plain=path.is_file() and not path.is_symlink(), twice=False)
                self._names.append(shown)

    def sizes(self) -> dict[str, int]:
        return {name: (self._place / name).stat().st_size for name in self._names}

    def open(self, name: str) -> IO[bytes]:
        return (self._place / name).open("rb")


def _check_member(place: Path, name: str, *, plain: bool, twice: bool) -> None:
    harmless = name == MANIFEST or (_MEMBER.fullmatch(name) is not None and ".." not in name)
    if not harmless or not plain or twice:
        what = "is there twice" if twice else "is a link or no file" if harmless else "is no name of a file of a backup"
        raise BackupError(f"{place} is refused: {name!r:.200} {what}. Nothing was read from it.")


def _manifest(place: Path, content: bytes) -> Manifest:
    try:
        values: Any = json.loads(content)
        if isinstance(values, dict) and isinstance(values.get("format"), int) and values["format"] > FORMAT:
            raise BackupError(
                f"{place} was made by a newer version of Unconfound (format {values['format']}). Update the program."
            )
        return Manifest.model_validate(values)
    except (ValueError, RecursionError, ValidationError):
        raise BackupError(f"{place} is damaged: its manifest cannot be read. Use another backup.") from None
