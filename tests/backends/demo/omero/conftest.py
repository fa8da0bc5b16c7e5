"""The embedded OMERO over Ice, for unmodified clients; they are skipped without Ice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from backends.demo.accounts import DEMO_PASSWORD
from backends.demo.study import build_world
from backends.demo.world import World

if TYPE_CHECKING:
    from backends.demo.omero.ice_server import OmeroIceServer

REASON = "the extra omnibis[omero] is not installed"
# The `omero` script refuses to run as root, to protect a server's folders; as root, which a
# container's tests often are, its command line is entered behind that script.
COMMAND = "import sys; from omero.cli import argv; sys.exit(argv(['omero', *sys.argv[1:]]))"


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.fixture(scope="module")
def ice(world: World) -> Iterator[OmeroIceServer]:
    """A server over the built-in studies; what a test changes, the module's next ones see."""
    pytest.importorskip("omero", reason=REASON)
    from backends.demo.omero.ice_server import OmeroIceServer  # noqa: PLC0415 - needs Ice

    with OmeroIceServer(world.omero) as server:
        yield server


@pytest.fixture
def client(ice: OmeroIceServer) -> Iterator[Callable[..., Any]]:
    """Logs unmodified `omero.client`s in: `client("plant")`; closed after the test."""
    omero = pytest.importorskip("omero", reason=REASON)
    opened: list[Any] = []

    def log_in(user: str, password: str = DEMO_PASSWORD, transport: str = "tcp") -> Any:
        made = omero.client(host=f"{transport}://{ice.host}", port=ice.ports[transport])
        opened.append(made)
        made.createSession(user, password)
        return made

    yield log_in
    for made in opened:
        made.__del__()


@pytest.fixture
def gateway(ice: OmeroIceServer) -> Iterator[Callable[..., Any]]:
    """Connects unmodified `BlitzGateway`s over TLS: `gateway("plant")`; closed after the test."""
    module = pytest.importorskip("omero.gateway", reason=REASON)
    opened: list[Any] = []

    def connect(user: str, group: str | None = None) -> Any:
        made = module.BlitzGateway(
            user, DEMO_PASSWORD, host=ice.host, port=ice.ports["ssl"], secure=True, group=group
        )
        opened.append(made)
        assert made.connect(), made.getLastError()
        return made

    yield connect
    for made in opened:
        made.close()


@pytest.fixture(scope="module")
def command(ice: OmeroIceServer, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run the unmodified `omero` command line, with a home of its own, and return its output."""
    home = tmp_path_factory.mktemp("omero")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "OMERODIR": str(home),
        "OMERO_USERDIR": str(home),
        "PYTHONWARNINGS": "ignore",
    }
    is_root = os.geteuid() == 0
    script = Path(sys.executable).with_name("omero")
    start = [sys.executable, "-c", COMMAND] if is_root else [str(script)]

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(  # noqa: S603 - our own words
            [*start, *arguments],
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    run("login", "-s", ice.host, "-p", str(ice.ports["ssl"]), "-u", "steward", "-w", DEMO_PASSWORD)
    return run
