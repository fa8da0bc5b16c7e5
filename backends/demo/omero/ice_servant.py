"""Ice servants made from plain Python objects: one class per Slice interface, by scanning it.

A service is an object whose methods bear the names of the operations and take a `Call` first. A
`Dispatcher` finds out for whom a call is, runs the method, translates what it raises and answers,
whether Slice declares the operation as asynchronous or not. Operations that a service has no
method for are answered with a typed refusal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import Ice
from omero import rtypes

from backends.demo.omero.errors import StoreUnavailableError
from backends.demo.omero.ice_errors import unsupported, wire_error
from backends.demo.omero.ice_faults import WireFaults

if TYPE_CHECKING:
    from backends.demo.omero.ice_router import Door
    from backends.demo.omero.store import OmeroStore

GROUP = "omero.group"
OWN_OPERATION = "_op_"

Dispatch = Callable[[str, tuple[Any, ...], Any], Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: through which door it came, and Ice's own record of it."""

    door: Door
    current: Any

    @property
    def store(self) -> OmeroStore:
        """The store behind the server."""
        return self.door.store

    @property
    def session(self) -> str:
        """The uuid of the caller's session."""
        return self.door.uuid

    @property
    def group(self) -> int | None:
        """The group context: a group, -1 for all, None for the session's own.

        A name, which the gateway leaves there after a login into a group, counts as nothing.
        """
        text = self.current.ctx.get(GROUP, "")
        try:
            return int(text)
        except ValueError:
            return None


class Connectionless(Exception):  # noqa: N818 - no error, a signal
    """The connection was cut on purpose: nothing can be answered."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Runs operations under the server's faults; `note` keeps the log of operations."""

    faults: WireFaults
    note: Callable[[str], None]

    def run(self, operation: str, current: Any, work: Callable[[], Any]) -> Any:
        """Carry out one operation, as far as the faults let it come.

        Raises:
            Connectionless: the connection was cut.
            Ice.Exception: whatever the work raised, translated.
        """
        self.note(operation)
        if delay := self.faults.delay.get(operation):
            time.sleep(delay)
        if self.faults.take(self.faults.cut_before, operation):
            self._cut(current)
        try:
            result = work()
        except StoreUnavailableError as error:
            if "on purpose" in str(error):
                raise wire_error(error) from error
            self._cut(current)  # as a host that is down
        except Connectionless:
            raise
        except Exception as error:
            raise wire_error(error) from error
        if self.faults.take(self.faults.oversized, operation):
            return [[rtypes.rstring("x" * self.faults.oversized_bytes)]]
        if self.faults.take(self.faults.cut_after, operation):
            self._cut(current)
        return result

    def _cut(self, current: Any) -> None:
        if current.con is not None:
            current.con.close(True)
        raise Connectionless


def service_dispatch(
    dispatcher: Dispatcher, interface: str, service: object, call_of: Callable[[Any], Call]
) -> Dispatch:
    """Return the dispatch function of a service's servant."""

    def dispatch(operation: str, arguments: tuple[Any, ...], current: Any) -> Any:
        method = getattr(service, operation, None)

        def work() -> Any:
            if method is None:
                raise unsupported(f"{interface}.{operation}")
            return method(call_of(current), *arguments)

        return dispatcher.run(operation, current, work)

    return dispatch


def servant(interface: Any, dispatch: Dispatch) -> Any:
    """Return an Ice servant of a Slice interface whose every operation goes to `dispatch`."""
    made = _servant_class(interface)()
    made.dispatch = dispatch
    return made


@cache
def _servant_class(interface: Any) -> Any:
    members: dict[str, Any] = {}
    for name in dir(interface):
        if name.startswith(OWN_OPERATION) and not name.startswith("_op_ice_"):
            operation = name.removeprefix(OWN_OPERATION)
            # Ice calls one or the other, as Slice declares the operation.
            members[operation] = _plain(operation)
            members[f"{operation}_async"] = _asynchronous(operation)
    return type(f"{interface.__name__}Servant", (interface,), members)


def _plain(operation: str) -> Callable[..., Any]:
    def run(self: Any, *arguments: Any) -> Any:
        *given, current = arguments
        try:
            return self.dispatch(operation, tuple(given), current)
        except Connectionless:
            raise Ice.UnknownException("cut off") from None

    return run


def _asynchronous(operation: str) -> Callable[..., Any]:
    def run(self: Any, callback: Any, *arguments: Any) -> None:
        *given, current = arguments
        try:
            result = self.dispatch(operation, tuple(given), current)
        except Connectionless:
            callback.ice_exception(Ice.UnknownException("cut off"))
        except Ice.Exception as error:
            callback.ice_exception(error)
        else:
            callback.ice_response(result)  # of a void operation Ice ignores it

    return run
