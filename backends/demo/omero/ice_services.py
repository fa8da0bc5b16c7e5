"""The services of the embedded OMERO over Ice: the ServiceFactory and what it hands out.

Each class answers one Slice interface; its methods bear the names of the operations (see
`ice_servant.py`). `STATELESS` names the services of which a session has one each; the factory makes
the stateful ones. Queries, writes and metadata stand in
siblings.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import omero

from backends.demo.omero.ice_errors import unsupported
from backends.demo.omero.ice_servant import Call
from backends.demo.omero.store import SERVER_VERSION

ROUTER = "OMERO.Glacier2/router"
INSECURE = "omero.router.insecure"


class Config:
    """`IConfig`; `insecure` says where the router listens without TLS, if it does."""

    def __init__(self, insecure: Callable[[], str]) -> None:
        self._insecure = insecure

    def getConfigValue(self, call: Call, key: str) -> str:
        """Return a configuration value, empty if there is none."""
        return self._values().get(key, "")

    def getConfigValues(self, call: Call, pattern: str) -> dict[str, str]:
        """Return the values whose keys start so."""
        start = pattern.replace("\\", "").removesuffix(".*").removesuffix("*").lstrip("^")
        return {key: value for key, value in self._values().items() if key.startswith(start)}

    def getClientConfigValues(self, call: Call) -> dict[str, str]:
        """Return what clients may be configured by."""
        return {"omero.client.viewer.roi_limit": "2000"}

    def getClientConfigDefaults(self, call: Call) -> dict[str, str]:
        """Return the defaults of what clients may be configured by."""
        return self.getClientConfigValues(call)

    def getVersion(self, call: Call) -> str:
        """Return the server's version."""
        return SERVER_VERSION

    def getServerTime(self, call: Call) -> Any:
        """Return the server's time."""
        return omero.rtypes.rtime(int(time.time() * 1000))

    def getDatabaseTime(self, call: Call) -> Any:
        """Return the database's time, which is the server's."""
        return self.getServerTime(call)

    def getDatabaseUuid(self, call: Call) -> str:
        """Return what tells this database from others."""
        return "00000000-0000-4000-8000-00006f6d6e69"

    def _values(self) -> dict[str, str]:
        insecure = self._insecure()
        values = {"omero.sessions.timeout": "600000", "omero.db.name": "omnibis"}
        return {**values, INSECURE: insecure} if insecure else values


class ServiceFactory:
    """`omero.api.ServiceFactory`: what a session offers; its own operations, not the getters.

    `get` returns the proxy of a stateless service and `create` that of a new stateful one, by the
    name of their interface; `submit` starts a command and returns the proxy of its handle.
    """

    def __init__(
        self,
        get: Callable[[Call, str], Any],
        create: Callable[[Call, str], Any],
        submit: Callable[[Call, Any], Any],
    ) -> None:
        self._get = get
        self._create = create
        self._submit = submit

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Answer `getQueryService`, `createThumbnailStore` and their like."""
        if operation in GETTERS:
            return lambda call: self._get(call, GETTERS[operation])
        if operation.startswith("create"):
            return lambda call: self._create(call, operation.removeprefix("create"))
        raise AttributeError(operation)

    def getByName(self, call: Call, name: str) -> Any:
        """Return a stateless service by the full name of its interface."""
        return self._get(call, name.rpartition(".")[2])

    def createByName(self, call: Call, name: str) -> Any:
        """Return a new stateful service by the full name of its interface."""
        return self._create(call, name.rpartition(".")[2])

    def submit(self, call: Call, request: Any) -> Any:
        """Start a command."""
        return self._submit(call, request)

    def keepAlive(self, call: Call, proxy: Any) -> bool:
        """Renew the session, and say whether a service is still there."""
        call.store.session(call.session)
        return proxy is not None and _is_there(call, proxy)

    def keepAllAlive(self, call: Call, proxies: list[Any]) -> int:
        """Renew the session, and set the bits of the services that are gone."""
        call.store.session(call.session)
        gone = (index for index, proxy in enumerate(proxies) if not _is_there(call, proxy))
        return sum(1 << index for index in gone)

    def closeOnDestroy(self, call: Call) -> None:
        """Let the session end with its last client."""
        call.door.closes = True

    def detachOnDestroy(self, call: Call) -> None:
        """Let the session live on without clients."""
        call.door.closes = False

    def activeServices(self, call: Call) -> list[str]:
        """Name the services in use."""
        return sorted(call.door.active)

    def setCallback(self, call: Call, callback: Any) -> None:
        """Do nothing, as OMERO does: the client is never called back."""

    def subscribe(self, call: Call, topic: str, proxy: Any) -> None:
        """Refuse: there is no message service."""
        raise unsupported("subscriptions")

    def destroy(self, call: Call) -> None:
        """End the session, for everybody."""
        call.store.close(call.session)


GETTERS = {
    "getAdminService": "IAdmin",
    "getConfigService": "IConfig",
    "getContainerService": "IContainer",
    "getLdapService": "ILdap",
    "getMetadataService": "IMetadata",
    "getPixelsService": "IPixels",
    "getProjectionService": "IProjection",
    "getQueryService": "IQuery",
    "getRenderingSettingsService": "IRenderingSettings",
    "getRepositoryInfoService": "IRepositoryInfo",
    "getRoiService": "IRoi",
    "getScriptService": "IScript",
    "getSessionService": "ISession",
    "getShareService": "IShare",
    "getTimelineService": "ITimeline",
    "getTypesService": "ITypes",
    "getUpdateService": "IUpdate",
}


def _is_there(call: Call, proxy: Any) -> bool:
    if proxy is None:
        return False
    identity = proxy.ice_getIdentity()
    if identity.category != call.door.category:
        return False
    return identity.name.removeprefix(call.door.uuid) in call.door.active
