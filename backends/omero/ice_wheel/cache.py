"""Where wheels are kept between builds, and how two builds keep out of each other's way.

A wheel appears under its final name by one rename, after it was read back whole: whoever is killed
in between leaves no broken wheel. A key is held by a file lock, which the system frees with the
process. Called by the command only.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from backends.omero.ice_wheel.errors import IceBuildError

POLL_SECONDS = 0.5


def preferred_root(environment: Mapping[str, str]) -> Path:
    """`$XDG_CACHE_HOME/omnibis`, or `~/.cache/omnibis`."""
    home = environment.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "omnibis"


def usable_root(preferred: Path) -> Path:
    """`preferred` where it can be written, or else a new temporary folder."""
    try:
        preferred.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=preferred):
            return preferred
    except OSError:
        return Path(tempfile.mkdtemp(prefix="omnibis-ice-"))


class WheelCache:
    """The wheels and unfinished builds below `root`, each under its key."""

    def __init__(self, root: Path, key: str) -> None:
        self.wheels = root / "wheels" / key
        self.workshop = root / "build" / key

    def wheel(self) -> Path | None:
        """The finished wheel, if there is one that can be read whole."""
        for wheel in sorted(self.wheels.glob("*.whl")):
            if is_whole(wheel):
                return wheel
            wheel.unlink(missing_ok=True)
        return None

    def publish(self, built: Path) -> Path:
        """Move a wheel from the workshop to its place, at once or not at all."""
        if not is_whole(built):
            raise IceBuildError(f"the build left a wheel that cannot be read: {built}")
        self.wheels.mkdir(parents=True, exist_ok=True)
        place = self.wheels / built.name
        built.replace(place)
        shutil.rmtree(self.workshop, ignore_errors=True)
        return place

    def forget(self) -> None:
        """Drop the wheel and what is left of its build."""
        shutil.rmtree(self.wheels, ignore_errors=True)
        shutil.rmtree(self.workshop, ignore_errors=True)

    @contextmanager
    def held(self, deadline: float) -> Iterator[None]:
        """Hold this key alone until the end of the block, or raise when `deadline` passes.

        Args:
            deadline: in seconds of `time.monotonic()`.
        """
        self.workshop.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(f"{self.workshop}.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            while not _locked(descriptor):
                if time.monotonic() > deadline:
                    raise IceBuildError("another build of the same wheel is still running; wait")
                time.sleep(POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)


def is_whole(wheel: Path) -> bool:
    """Whether every file in the wheel reads back with its checksum, the extension among them."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            return archive.testzip() is None and any(name.startswith("IcePy.") for name in names)
    except (OSError, zipfile.BadZipFile):
        return False


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
