"""An embedded OMERO over Ice in a process of its own, so that a test can count its own threads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]


@contextmanager
def other_process() -> Iterator[dict[str, int]]:
    """Run the server and yield its ports by transport; its users have the demo password."""
    command = [sys.executable, "-m", "tests.backends.omero.ice_process"]
    with subprocess.Popen(  # noqa: S603 - this very module
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            names = process.stdout.readline().split()
            yield {name: int(port) for name, _, port in (each.partition("=") for each in names)}
        finally:
            process.stdin.close()  # it ends with its input


def main() -> None:
    from backends.demo.omero.ice_server import OmeroIceServer  # noqa: PLC0415 - the child only
    from tests.backends.demo.omero.laboratory import laboratory  # noqa: PLC0415

    with OmeroIceServer(laboratory()) as server:
        print(*(f"{name}={port}" for name, port in server.ports.items()), flush=True)  # noqa: T201
        sys.stdin.read()


if __name__ == "__main__":
    main()
