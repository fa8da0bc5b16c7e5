"""The door of the embedded OMERO over Ice: a server that unmodified omero-py clients log in to.

`OmeroIceServer` puts a Glacier2 router and OMERO's services on an `OmeroStore`, listening over tcp,
ssl, ws and wss at once, in threads of this process. Tests use it as a context manager;
`python -m backends.demo omero` and `omnibis demo --wire` run it. It needs the extra
`omnibis[omero]`.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import Glacier2
import Ice
import omero
import omero.all
import omero.ObjectFactoryRegistrar
import omero.rtypes

from backends.demo.omero.ice_certificate import PASSWORD, write_certificate
from backends.demo.omero.ice_faults import WireFaults
from backends.demo.omero.ice_registry import Services
from backends.demo.omero.ice_router import Doors, Locator, Router
from backends.demo.omero.ice_servant import Dispatcher, servant, service_dispatch
from backends.demo.omero.ice_services import ROUTER
from backends.demo.omero.store import OmeroStore
from backends.demo.world import OmeroContent

TRANSPORTS: Final = ("tcp", "ssl", "ws", "wss")
LOG_LENGTH: Final = 10_000
PROPERTIES: Final = {
    "Ice.MessageSizeMax": "250000",  # KiB, as OMERO's
    "Ice.ThreadPool.Server.Size": "8",
    "Ice.ThreadPool.Server.SizeMax": "100",
    "Ice.ACM.Server.Close": "0",
    "Ice.Warn.Connections": "0",
    "Ice.Warn.Dispatch": "0",
    "Ice.PrintStackTraces": "0",
    "Ice.ServerIdleTime": "0",
    "Ice.Plugin.IceSSL": "IceSSL:createIceSSL",
    "IceSSL.VerifyPeer": "0",
}


class OmeroIceServer:
    """An embedded OMERO server on loopback ports.

    Args:
        source: a content to fill a store of its own with, or a store that somebody else owns.
        host: where to listen.
        ports: by transport (`tcp`, `ssl`, `ws`, `wss`); 0, or none given, takes a free one.
        transports: which of them to offer.
    """

    def __init__(
        self,
        source: OmeroContent | OmeroStore,
        *,
        host: str = "127.0.0.1",
        ports: Mapping[str, int] | None = None,
        transports: Iterable[str] = TRANSPORTS,
    ) -> None:
        self.host = host
        self.faults = WireFaults()
        self.log: list[str] = []  # operations in the order they came in, newest last
        self._owns_store = isinstance(source, OmeroContent)
        self.store = OmeroStore(source) if isinstance(source, OmeroContent) else source
        self._transports = tuple(transports)
        self.ports: dict[str, int] = dict(ports or {})
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._communicator: Any = None
        self._services: Services | None = None
        self._doors = Doors(self.store)
        self._log_lock = threading.Lock()
        self._dispatcher = Dispatcher(self.faults, self._note)

    # --- life ----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and shut an own store down."""
        self.close()

    def start(self) -> None:
        """Listen; free ports are chosen the first time and kept over a restart.

        Raises:
            OSError: a port cannot be opened.
        """
        if self._communicator is not None:
            return
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="omnibis-ice-")
            write_certificate(Path(self._folder.name) / "server.p12", self.host)
        data = Ice.InitializationData()
        data.properties = Ice.createProperties()
        settings = {
            **PROPERTIES,
            "IceSSL.DefaultDir": self._folder.name,
            "IceSSL.CertFile": "server.p12",
            "IceSSL.Password": PASSWORD,
            "Omero.Endpoints": self._endpoints(),
        }
        for name, value in settings.items():
            data.properties.setProperty(name, value)
        communicator = Ice.initialize(data)
        try:
            omero.ObjectFactoryRegistrar.registerObjectFactory(communicator, None)
            for factory in omero.rtypes.ObjectFactories.values():
                factory.register(communicator)
            self._open(communicator)
        except Ice.SocketException as error:
            communicator.destroy()
            raise OSError(error.error, "a port on this address cannot be opened") from error
        except BaseException:
            communicator.destroy()
            raise

    def stop(self) -> None:
        """Stop listening and forget all sessions, as a server that is shut down."""
        communicator, self._communicator = self._communicator, None
        if communicator is not None:
            self._doors.forget()
            self.store.sessions.close_all()
            if self._services is not None:
                self._services.close()  # a command that calls back afterwards would crash in Ice
            communicator.destroy()

    def restart(self) -> None:
        """Stop and start again on the same ports: every session and proxy is gone."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop for good."""
        self.stop()
        if self._owns_store:
            self.store.shut_down()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    # --- mischief ------------------------------------------------------------------------------

    def cut_connections(self) -> int:
        """Cut every connection with a session, as a network does; return how many."""
        doors = list(self._doors)
        for door in doors:
            door.connection.close(True)
        return len(doors)

    def kill_session(self, uuid: str) -> None:
        """End a session, as an administrator does."""
        self.store.sessions.close(uuid)

    @property
    def certificate(self) -> Path:
        """The certificate in PEM, for clients that verify it; there while the server runs."""
        if self._folder is None:
            raise RuntimeError("the server has not been started")
        return Path(self._folder.name) / "server.pem"

    @property
    def doors(self) -> int:
        """How many router sessions are open."""
        return len(self._doors)

    # --- inside --------------------------------------------------------------------------------

    def _open(self, communicator: Any) -> None:
        adapter = communicator.createObjectAdapter("Omero")
        services = Services(self._dispatcher, self._doors, self._insecure, adapter.createProxy)
        router = service_dispatch(
            self._dispatcher, "Router", Router(self._doors, adapter.createProxy), lambda it: it
        )
        adapter.add(servant(Glacier2.Router, router), communicator.stringToIdentity(ROUTER))
        adapter.addServantLocator(Locator(self._doors, services.shared), "")
        adapter.activate()
        self._communicator, self._services = communicator, services
        for transport, endpoint in zip(self._transports, adapter.getEndpoints(), strict=True):
            info = endpoint.getInfo()
            self.ports[transport] = info.port

    def _endpoints(self) -> str:
        return ":".join(
            f"{transport} -h {self.host} -p {self.ports.get(transport, 0)}"
            for transport in self._transports
        )

    def _note(self, operation: str) -> None:
        with self._log_lock:
            self.log.append(operation)
            if len(self.log) > LOG_LENGTH:
                del self.log[: LOG_LENGTH // 2]

    def _insecure(self) -> str:
        if "tcp" not in self._transports:
            return ""
        return f"{ROUTER}:tcp -p {self.ports['tcp']} -h @omero.host@"
