"""Commands of the embedded OMERO: `submit`, `Delete2`, `DoAll`, and the handles of their results.

A command runs in a thread of its own, as on the real server; its `Handle` is asked for the response
or calls back over the client's own connection. Failures of a command are responses (`ERR`),
never exceptions.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any

import Ice
import omero.cmd
import omero.cmd.graphs

from backends.demo.omero.deletion import ChildOption
from backends.demo.omero.errors import StoreError, StoreSecurityViolation
from backends.demo.omero.graph import entity_named
from backends.demo.omero.ice_servant import GROUP, Call
from backends.demo.omero.model import omero_model

LOG = logging.getLogger(__name__)


def carry_out(call: Call, request: Any, group: int | None) -> Any:
    """Run a command and return its response.

    Raises:
        StoreError: it failed.
    """
    if isinstance(request, omero.cmd.DoAll):
        responses = []
        contexts = list(request.contexts or ())
        for place, one in enumerate(request.requests or ()):
            given = contexts[place] if place < len(contexts) else None
            named = (given or {}).get(GROUP)
            responses.append(carry_out(call, one, int(named) if named else group))
        return omero.cmd.DoAllRsp(responses, [])
    if isinstance(request, omero.cmd.Delete2):
        return _delete(call, request, group)
    return omero.cmd.ERR(request.ice_id(), "unsupported", {"message": "not offered"})


def _delete(call: Call, request: Any, group: int | None) -> Any:
    targets: dict[str, list[int]] = {}
    for name, ids in (request.targetObjects or {}).items():
        entity = entity_named(name)
        targets[name if entity is None else entity.name] = list(ids)
    options = [
        ChildOption(
            tuple(option.includeType or ()),
            tuple(option.excludeType or ()),
            tuple(option.includeNs or ()),
            tuple(option.excludeNs or ()),
        )
        for option in request.childOptions or ()
    ]
    gone = call.store.objects.delete(
        call.session,
        targets,
        group=group,
        options=options,
        ignored=tuple(request.typesToIgnore or ()),
        dry_run=request.dryRun,
    )
    entities = omero_model().entities
    return omero.cmd.Delete2Response(
        {f"{entities[name].package}.{name}": ids for name, ids in gone.items()}
    )


def failure(request: Any, error: Exception) -> Any:
    """Return what tells a client that its command failed."""
    message = str(error)
    if isinstance(error, StoreSecurityViolation):
        message = f"lacks permission: {message}"
    elif not isinstance(error, StoreError):
        LOG.error("a command of the embedded OMERO failed", exc_info=error)
        message = "see the server's log"
    kind = type(error).__name__.replace("Store", "")
    parameters = {"message": message, "stacktrace": f"{kind}: {message}"}
    if isinstance(request, omero.cmd.Delete2):
        return omero.cmd.GraphException(request.ice_id(), "graph-fail", parameters, message)
    return omero.cmd.ERR(request.ice_id(), "fail", parameters)


@dataclass(slots=True)
class Handle:
    """The operations of `omero.cmd.Handle` for one command; `forget` gives its identity up."""

    request: Any
    forget: Callable[[], None]
    started: int = field(default_factory=lambda: int(time.time() * 1000))
    response: Any = None
    stopped: int = 0
    _callbacks: dict[str, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, call: Call, executor: Executor, group: int | None) -> None:
        """Start the command."""

        def work() -> None:
            try:
                response = carry_out(call, self.request, group)
            except Exception as error:  # noqa: BLE001 - a command always has a response
                response = failure(self.request, error)
            with self._lock:
                self.response, self.stopped = response, int(time.time() * 1000)
                callbacks = list(self._callbacks.values())
            for callback in callbacks:
                self._call_back(callback)

        executor.submit(work)

    def addCallback(self, call: Call, callback: Any) -> None:
        """Call back over the client's connection when the command is done."""
        identity = callback.ice_getIdentity()
        proxy = call.current.con.createProxy(identity)
        own = omero.cmd.CmdCallbackPrx.uncheckedCast(proxy)
        with self._lock:
            self._callbacks[_text(identity)] = own
            is_done = self.response is not None
        if is_done:
            self._call_back(own)

    def removeCallback(self, call: Call, callback: Any) -> None:
        """Do not call back any more."""
        with self._lock:
            self._callbacks.pop(_text(callback.ice_getIdentity()), None)

    def getRequest(self, call: Call) -> Any:
        """Return the command."""
        return self.request

    def getResponse(self, call: Call) -> Any:
        """Return the response, or null while there is none."""
        return self.response

    def getStatus(self, call: Call) -> Any:
        """Return how far the command is."""
        return self.status()

    def cancel(self, call: Call) -> bool:
        """Refuse: commands are short."""
        return False

    def close(self, call: Call) -> None:
        """Give the handle up; the command goes on."""
        self.forget()

    def status(self) -> Any:
        """Return how far the command is."""
        status = omero.cmd.Status()
        status.steps, status.startTime = 1, self.started
        if self.response is None:
            status.flags = [omero.cmd.State.ACTIVE]
            return status
        is_failure = isinstance(self.response, omero.cmd.ERR)
        status.flags = [omero.cmd.State.FAILURE if is_failure else omero.cmd.State.SUCCESS]
        status.currentStep, status.stopTime = 1, self.stopped
        status.stepStartTimes, status.stepStopTimes = [self.started], [self.stopped]
        if is_failure:
            status.category, status.name = self.response.category, self.response.name
            status.parameters = self.response.parameters
        return status

    def _call_back(self, callback: Any) -> None:
        try:
            callback.begin_finished(self.response, self.status())
        except Ice.Exception as error:  # the client is gone: it has nobody to tell
            LOG.debug("nobody to call back: %s", type(error).__name__)


def _text(identity: Any) -> str:
    return f"{identity.category}/{identity.name}"
