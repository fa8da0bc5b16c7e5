"""The folder that cohort snapshots are kept in: a local one, or an object store, through fsspec.

The only place that imports fsspec. A file appears whole or not at all: it is written under a
temporary name and renamed when it is complete, and a file that is there is never changed. Paths are
relative to the folder. Reading and writing block, so they happen in threads. `resolvers/cohorts`
calls this; the folder is chosen by `OMNIBIS_SNAPSHOT_URL`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import posixpath
import tempfile
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Any, Final, cast

from pydantic import SecretStr

BLOCK: Final = 256 * 1024  # bytes read from a file, or sent to a client, at a time
PARTIAL: Final = ".partial-"  # how the names of incomplete files begin
LEFT_BEHIND: Final = timedelta(days=1)  # no writer takes that long


class FolderError(Exception):
    """The folder cannot be used; the message names no address, which may hold credentials."""


class FileMissing(FolderError):  # noqa: N818 - the name is the state, as a reader says it
    """There is no such file in the folder."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A complete file of the folder: its size in bytes, and its SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str


class HashingFile:
    """What a writer is handed: a binary file that counts and digests what passes through."""

    def __init__(self, below: IO[bytes], cancelled: threading.Event) -> None:
        self._below = below
        self._cancelled = cancelled
        self._digest = hashlib.sha256()
        self.size = 0
        self.closed = False

    def write(self, data: Any) -> int:
        """Write bytes, or anything that shows its bytes.

        Raises:
            FolderError: nobody waits for this file any more.
        """
        if self._cancelled.is_set():
            raise FolderError("The file is no longer wanted.")
        view = memoryview(data).cast("B")
        self._below.write(view)
        self._digest.update(view)
        self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        """How many bytes were written."""
        return self.size

    def flush(self) -> None:
        """Leave it to the file below, which flushes when it is closed."""

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def readable(self) -> bool:
        """Say that it cannot be read."""
        return False

    def seekable(self) -> bool:
        """Say that there is no way back."""
        return False

    def close(self) -> None:
        """Leave the file below open: the folder closes it."""

    @property
    def sha256(self) -> str:
        """The digest of what was written so far."""
        return self._digest.hexdigest()


class Folder:
    """A folder behind an fsspec URL.

    Args:
        url: a path, `file://…`, `memory://…`, `s3://…` or any other that fsspec knows; `None` for
            a temporary folder that `aclose` removes.
    """

    def __init__(self, url: SecretStr | None) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._url = url
        self._opened: tuple[Any, str] | None = None
        self._opening = threading.Lock()
        self._swept = False

    # --- for threads ----------------------------------------------------------------------------

    def write_now(
        self,
        path: str | Callable[[str], str],
        produce: Callable[[HashingFile], None],
        cancelled: threading.Event | None = None,
    ) -> StoredFile:
        """Write a file: whole, or not at all.

        Args:
            path: where, within the folder, or what tells it from the content's SHA-256.
            produce: writes the content.
            cancelled: set by whoever no longer wants the file.

        Raises:
            FolderError: the folder cannot be written to.
        """
        with self._usable("written to") as (files, root):
            partial = posixpath.join(root, PARTIAL + uuid.uuid4().hex)
            files.makedirs(root, exist_ok=True)
            if not self._swept:
                self._swept = True
                _sweep(files, root)
            try:
                with files.open(partial, "wb") as below:
                    written = HashingFile(below, cancelled or threading.Event())
                    produce(written)
                place = path if isinstance(path, str) else path(written.sha256)
                target = posixpath.join(root, place)
                files.makedirs(posixpath.dirname(target), exist_ok=True)
                files.mv(partial, target)
            except BaseException:
                with contextlib.suppress(Exception):  # what went wrong first is what matters
                    files.rm_file(partial)
                raise
            return StoredFile(place, written.size, written.sha256)

    @contextlib.contextmanager
    def open_now(self, path: str) -> Iterator[IO[bytes]]:
        """Open a file for reading.

        Raises:
            FileMissing: it is not there.
            FolderError: the folder cannot be read.
        """
        with self._usable("read") as (files, root):
            try:
                opened = files.open(posixpath.join(root, path), "rb")
            except FileNotFoundError:
                raise FileMissing("The file is not in the snapshot folder.") from None
            with opened as file:
                yield cast("IO[bytes]", file)

    def lines_now(self, path: str) -> Iterator[bytes]:
        """Read a file line by line, without the line ends; memory does not grow with the file."""
        with self.open_now(path) as file:
            rest = b""
            while block := file.read(BLOCK):
                *lines, rest = (rest + block).split(b"\n")
                yield from lines
            if rest:
                yield rest

    def size_now(self, path: str) -> int | None:
        """The size of a file in bytes, or None where there is none."""
        with self._usable("read") as (files, root):
            try:
                return cast("int", files.size(posixpath.join(root, path)))
            except FileNotFoundError:
                return None

    def names_now(self, path: str) -> list[str]:
        """The names of what lies in a folder, the oldest first where the store tells times."""
        with self._usable("read") as (files, root):
            try:
                found = files.ls(posixpath.join(root, path), detail=True)
            except FileNotFoundError:
                return []
            found.sort(key=lambda each: (str(each.get("created", "")), each["name"]))
            names = (posixpath.basename(each["name"].rstrip("/")) for each in found)
            return [name for name in names if not name.startswith(PARTIAL)]

    def delete_now(self, path: str) -> None:
        """Delete a file or a folder with all that lies in it; one that is not there is no error."""
        with (
            self._usable("written to") as (files, root),
            contextlib.suppress(FileNotFoundError),
        ):
            files.rm(posixpath.join(root, path), recursive=True)

    # --- for the event loop -----------------------------------------------------------------------

    async def write(
        self, path: str | Callable[[str], str], produce: Callable[[HashingFile], None]
    ) -> StoredFile:
        """Write a file in a thread, as `write_now`; a caller that is cancelled stops it."""
        cancelled = threading.Event()
        try:
            return await asyncio.to_thread(self.write_now, path, produce, cancelled)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def blocks(self, path: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Read the bytes from `start` until before `end`, a block at a time.

        Raises:
            FileMissing: there is no such file.
            FolderError: the folder cannot be read, or the file ends before.
        """
        with contextlib.ExitStack() as stack:
            file = await asyncio.to_thread(stack.enter_context, self.open_now(path))
            await asyncio.to_thread(file.seek, start)
            remaining = end - start
            while remaining > 0:
                block = await asyncio.to_thread(file.read, min(BLOCK, remaining))
                if not block:
                    raise FolderError("A file of the snapshot folder ends before its time.")
                remaining -= len(block)
                yield block

    async def delete(self, path: str) -> None:
        """Delete in a thread, as `delete_now`."""
        await asyncio.to_thread(self.delete_now, path)

    async def aclose(self) -> None:
        """Remove the folder if it was a temporary one."""
        if self._temporary is not None:
            await asyncio.to_thread(self._temporary.cleanup)
            self._temporary = self._opened = None

    @contextlib.contextmanager
    def _usable(self, purpose: str) -> Iterator[tuple[Any, str]]:
        """The filesystem and the folder's path in it, with its failures as ours."""
        try:
            yield self._open()
        except (OSError, ImportError, ValueError) as error:
            if isinstance(error, ValueError) and not _is_of_fsspec(error):
                raise
            raise FolderError(
                f"The snapshot folder cannot be {purpose} at the moment; "
                "ask the operator to look at OMNIBIS_SNAPSHOT_URL."
            ) from error

    def _open(self) -> tuple[Any, str]:
        with self._opening:
            if self._opened is None:
                # Only who uses a snapshot pays for the import.
                from fsspec.core import url_to_fs  # noqa: PLC0415

                if self._url is None:
                    self._temporary = tempfile.TemporaryDirectory(prefix="omnibis-snapshots-")
                    url = self._temporary.name
                else:
                    url = self._url.get_secret_value()
                files, root = url_to_fs(url)
                self._opened = (files, root.rstrip("/"))
            return self._opened


def _sweep(files: Any, root: str) -> None:
    """Remove what writers that were killed have left behind, once it is a day old."""
    with contextlib.suppress(Exception):  # tidying up: a store that cannot tell times keeps all
        for path in files.ls(root, detail=False):
            if posixpath.basename(path).startswith(PARTIAL):
                age = datetime.now(UTC) - files.modified(path).astimezone(UTC)
                if age > LEFT_BEHIND:
                    files.rm_file(path)


def _is_of_fsspec(error: ValueError) -> bool:
    """Whether a complaint is about the URL, such as a protocol that is not known."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and "fsspec" in trace.tb_frame.f_code.co_filename
