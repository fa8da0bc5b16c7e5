"""Bringing files into OMERO by the command that the operator has set, such as `omero import`.

The command is a list of arguments and is never handed to a shell. Files must lie below one folder,
so that nobody can have others imported. The command gets the viewer's session, so what it imports
is the viewer's; a session in its arguments can be seen by the machine's other users, which the
setting's description says. It prints the ids of what it made, as `omero import --output ids` does.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from backends.errors import InvalidRequest, OutcomeUnknown, Source, TimedOut, Unavailable

PLACEHOLDERS: Final = ("file", "dataset", "session", "host", "port")
SESSION_VARIABLE: Final = "OMERO_IMPORT_SESSION"
MOST_OUTPUT: Final = 1_000_000  # bytes
_BLOCK: Final = 1 << 20
_GRACE: Final = 5.0  # seconds between asking a command to end and ending it
_HOLE = re.compile(r"\{(\w+)\}")
_IMAGES = re.compile(r"^\s*Image:\s*([0-9]+(?:\s*,\s*[0-9]+)*)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file that is to be imported.

    Attributes:
        path: where it is, with all links followed.
        name: as it was asked for, below the folder.
        size: in bytes.
        sha1: what OMERO keeps of an imported file, in hexadecimal.
    """

    path: Path
    name: str
    size: int
    sha1: str


def wrong_in(arguments: Sequence[str]) -> str | None:
    """Say what is wrong with the arguments of an import command, if anything is."""
    holes = {hole for argument in arguments for hole in _HOLE.findall(argument)}
    if not arguments or not arguments[0]:
        return "must name a program and its arguments"
    if unknown := holes - set(PLACEHOLDERS):
        return (
            f"knows no {{{min(unknown)}}}, only {', '.join(f'{{{one}}}' for one in PLACEHOLDERS)}"
        )
    if missing := {"file", "dataset"} - holes:
        return f"must have {{{min(missing)}}} among its arguments"
    return None


class ImportCommand:
    """Imports files that lie below a folder.

    Args:
        arguments: program and arguments, with `{file}`, `{dataset}`, and perhaps `{session}`,
            `{host}` and `{port}`, each of which is replaced within its argument.
        folder: what files are named below.
        timeout: seconds for one file.
        address: OMERO's host and port.
        environment: added to that of this process.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        *,
        timeout: float = 3600.0,
        address: tuple[str, int] = ("localhost", 4064),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if (wrong := wrong_in(arguments)) is not None:
            raise ValueError(f"the import command {wrong}")
        self._arguments = tuple(arguments)
        self._folder = folder
        self._timeout = timeout
        self._address = address
        self._environment = dict(environment or {})

    async def look_at(self, name: str) -> ImportFile:
        """Find a file and tell its checksum, for which all of it is read.

        Raises:
            InvalidRequest: it is not below the folder, no file, or cannot be read.
        """
        path = self.locate(name)
        try:
            size, sha1 = await asyncio.to_thread(_digest, path)
        except OSError:
            raise _no_such(name) from None
        return ImportFile(path, name, size, sha1)

    def locate(self, name: str) -> Path:
        """Return where a file is.

        Raises:
            InvalidRequest: it is not below the folder, or not there.
        """
        folder = self._folder.resolve()
        try:
            path = (folder / name).resolve()
        except (OSError, ValueError):
            raise _no_such(name) from None
        if not path.is_relative_to(folder) or path == folder or not path.exists():
            raise _no_such(name)
        return path

    async def run(self, file: ImportFile, dataset: int, session: SecretStr) -> tuple[int, ...]:
        """Import a file into a dataset, and return the ids of its images.

        Raises:
            Unavailable: the command cannot be started.
            InvalidRequest: it failed, or told of no image.
            TimedOut: it took too long, and was ended.
            OutcomeUnknown: it was ended before it told what it had done.
        """
        filled = {
            "file": str(file.path),
            "dataset": str(dataset),
            "session": session.get_secret_value(),
            "host": self._address[0],
            "port": str(self._address[1]),
        }
        arguments = [_HOLE.sub(lambda hole: filled[hole[1]], each) for each in self._arguments]
        environment = {
            **os.environ,
            **self._environment,
            SESSION_VARIABLE: session.get_secret_value(),
        }
        try:
            process = await asyncio.create_subprocess_exec(
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
                limit=MOST_OUTPUT,
            )
        except (OSError, ValueError):
            raise Unavailable(
                Source.OMERO, "The import command cannot be started: ask the operator."
            ) from None
        try:
            async with asyncio.timeout(self._timeout):
                output = await _read(process)
                code = await process.wait()
        except TimeoutError:
            raise TimedOut(
                Source.OMERO, f"The import of {file.name} took too long and was ended."
            ) from None
        finally:
            await _end(process)
        images = tuple(
            dict.fromkeys(
                int(each) for found in _IMAGES.findall(output) for each in found.split(",")
            )
        )
        if code != 0:
            if images:
                raise OutcomeUnknown(
                    Source.OMERO, f"The import of {file.name} failed half-way: look in OMERO."
                )
            raise InvalidRequest(
                Source.OMERO,
                f"{file.name} cannot be imported: the import command ended with {code}.",
            )
        if not images:
            raise InvalidRequest(
                Source.OMERO, f"The import of {file.name} told of no image: ask the operator."
            )
        return images


async def _read(process: asyncio.subprocess.Process) -> str:
    """What the command prints, up to a bound; the rest is read and thrown away."""
    kept = bytearray()
    if process.stdout is not None:
        while block := await process.stdout.read(1 << 16):
            kept += block[: max(0, MOST_OUTPUT - len(kept))]
    return kept.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a command and all that it has started, unless it has ended."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _GRACE)
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _digest(path: Path) -> tuple[int, str]:
    """Size and SHA-1 of a file."""
    digest = hashlib.sha1(usedforsecurity=False)
    size = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def _no_such(name: str) -> InvalidRequest:
    return InvalidRequest(
        Source.OMERO, f"There is no file {name!r} below the import folder: check its name."
    )
