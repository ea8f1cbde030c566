"""An artifact root on another machine: whole objects by key, over fsspec, with its troubles told as sentences.

An object is sent in one go and appears whole (S3) or is named by nothing until it is whole. Objects that are written
once lie below names of their own, so nothing here ever asks what a cache of listings believes.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import UserError
from core.store.trouble import StoreTroubleError

SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "FSSPEC_S3_SECRET", "FSSPEC_S3_KEY")
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class ArtifactTroubleError(StoreTroubleError):
    """The artifact root does not answer, or refuses: whoever can wait tries again."""


class Remote:
    """A folder at an fsspec URL, and how much of it may lie here (bytes)."""

    def __init__(self, url: str, keep_bytes: int) -> None:
        """Opens nothing on the network yet.

        Raises:
            UserError: the URL's kind is not known, or its package is not installed.
        """
        import fsspec  # only where a root is remote: it takes a moment

        self.place = _without_password(url)
        self.keep_bytes = keep_bytes
        self._secrets = _secrets_of(url)
        scheme = url.partition("://")[0]
        try:
            self._fs, self._root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            extra = "requirements-s3.txt" if scheme == "s3" else f"the package that fsspec's {scheme!r} needs"
            how = f"pip install -r {extra}" if scheme == "s3" else f"Install {extra}"
            raise UserError(
                f"The artifact root {self.place} needs a package that is not installed ({error}). {how}."
            ) from error
        except ValueError as error:
            raise UserError(
                f"The artifact root {self.place} is of no kind that fsspec knows. Correct UNCONFOUND_ARTIFACTS_URL."
            ) from error

    def put(self, source: Path, key: str) -> None:
        """Send a file."""
        with self._in_words():
            self._make_room_for(key)
            self._fs.put_file(str(source), self._at(key))

    def get(self, key: str, target: Path) -> bool:
        """Fetch a file. False when there is none.

        Raises:
            ArtifactTroubleError: also when fewer bytes came than the object has.
        """
        with self._in_words():
            self._fs.invalidate_cache()
            try:
                size = self._fs.info(self._at(key))["size"]
                self._fs.get_file(self._at(key), str(target))
            except FileNotFoundError:
                self._check_bucket()
                return False
            if target.stat().st_size != size:
                raise ArtifactTroubleError(f"{key} came only in part from {self.place}.")
        return True

    def write(self, key: str, content: bytes) -> None:
        """Put a small object in place of whatever was there."""
        with self._in_words():
            self._make_room_for(key)
            self._fs.pipe_file(self._at(key), content)

    def read(self, key: str) -> bytes | None:
        """A small object, or None when there is none."""
        with self._in_words():
            self._fs.invalidate_cache()
            try:
                return bytes(self._fs.cat_file(self._at(key)))
            except FileNotFoundError:
                self._check_bucket()
                return None

    def names(self, key: str) -> list[str]:
        """What lies directly below a key, the one last changed at the end."""
        with self._in_words():
            self._fs.invalidate_cache()
            try:
                there = [one for one in self._fs.ls(self._at(key), detail=False) if one != self._at(key)]
            except FileNotFoundError:
                self._check_bucket()
                return []
            return [one.rsplit("/", 1)[-1] for one in sorted(there, key=self._fs.modified)]

    def keys(self) -> list[str]:
        """Every object below the root."""
        with self._in_words():
            self._fs.invalidate_cache()
            root = self._root.rstrip("/") + "/"
            try:
                return [one.removeprefix(root) for one in self._fs.find(self._root)]
            except FileNotFoundError:
                self._check_bucket()
                return []

    def remove(self, key: str) -> None:
        """Remove an object, or everything below a key; nothing there is no error."""
        with self._in_words():
            self._fs.invalidate_cache()
            try:
                self._fs.rm(self._at(key), recursive=True)
            except FileNotFoundError:
                self._check_bucket()

    def _at(self, key: str) -> str:
        return f"{self._root.rstrip('/')}/{key}"

    def _make_room_for(self, key: str) -> None:
        """The folder above a key, where folders are real (not on S3, where asking for one may make a bucket)."""
        if "s3" not in self._fs.protocol:
            self._fs.makedirs(self._at(key).rpartition("/")[0], exist_ok=True)

    def _check_bucket(self) -> None:
        """Tell a bucket that is not there from an object that is not."""
        bucket = str(self._root).partition("/")[0]
        if bucket and not self._fs.exists(bucket):
            raise ArtifactTroubleError(
                f"The artifact root {self.place} cannot be used: there is no bucket {bucket!r}. Make it, or correct "
                "UNCONFOUND_ARTIFACTS_URL."
            )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Faults of the network or the server as sentences; a full disk here and mistakes of ours as they are.

        The libraries' own errors are left behind (`from None`): their words may hold a signed address.
        """
        try:
            yield
        except UserError:
            raise
        except Exception as error:
            foreign = type(error).__module__.partition(".")[0] not in ("builtins", "core")
            full = isinstance(error, OSError) and error.errno in _DISK_FULL
            if full or not (foreign or isinstance(error, OSError)):
                raise
            what = self._safe(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]:.300}")
            raise ArtifactTroubleError(
                f"The artifact root {self.place} does not take or give files ({what}). Check that it runs, its bucket "
                "and its credentials."
            ) from None

    def _safe(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return re.sub(r"(?i)((?:signature|credential|security-token|accesskeyid)=)[^&\s\"']+", r"\1***", text)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if not (parts.username or parts.password):
        return url
    return url.replace(parts.netloc, f"***@{parts.netloc.rpartition('@')[2]}", 1)


def _secrets_of(url: str) -> list[str]:
    parts = urlsplit(url)
    found = [parts.password, *(os.environ.get(name) for name in SECRETS)]
    return [one for one in found if one]
