"""The embedded OMERO by itself, on ports: what `python -m backends.demo omero` runs.

Nothing of Ice is imported before it is asked for, so that a machine without the extra
`omnibis[omero]` is told what it lacks. `api/demonstration.py` starts the server itself.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING

from backends.demo.accounts import DEMO_PASSWORD
from backends.demo.omero.store import OmeroStore
from backends.demo.world import OmeroContent

if TYPE_CHECKING:
    from backends.demo.omero.ice_server import OmeroIceServer

NOT_INSTALLED = (
    "The embedded OMERO speaks Ice through omero-py, which is not installed here: run "
    "`python -m backends.omero.ice_wheel`, once, and then `pip install 'omnibis[omero]'`."
)


class ServingError(Exception):
    """The server cannot start; the message says what to do."""


def ice_server(
    source: OmeroContent | OmeroStore,
    *,
    host: str = "127.0.0.1",
    ports: Mapping[str, int] | None = None,
) -> OmeroIceServer:
    """Return a server over a content of its own or over somebody's store, not started yet.

    Raises:
        ServingError: omero-py is not installed.
    """
    try:
        from backends.demo.omero.ice_server import OmeroIceServer  # noqa: PLC0415 - see above
    except ImportError:
        raise ServingError(NOT_INSTALLED) from None
    return OmeroIceServer(source, host=host, ports=ports)


def serve(
    content: OmeroContent,
    *,
    host: str,
    ports: Mapping[str, int],
    tell: Callable[[str], object] = sys.stdout.write,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ServingError: omero-py is not installed, or a port cannot be had.
    """
    server = ice_server(content, host=host, ports=ports)
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        with server:
            tell(_welcome(server, content))
            sys.stdout.flush()
            stopped.wait()
    except OSError as error:
        raise ServingError(f"{error.strerror}; choose another port, or 0 for a free one.") from None
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _welcome(server: OmeroIceServer, content: OmeroContent) -> str:
    users = ", ".join(sorted(content.passwords))
    listed = "".join(f"  {name:<8} {server.host}:{port}\n" for name, port in server.ports.items())
    ssl = server.ports.get("ssl", 0)
    return (
        "The embedded OMERO is ready; what is written to it is kept in memory.\n\n"
        f"{listed}  users    {users}, password `{DEMO_PASSWORD}`\n\n"
        f"  omero login -s {server.host} -p {ssl} -u steward\n\n"
        "Stop with Ctrl+C.\n"
    )
