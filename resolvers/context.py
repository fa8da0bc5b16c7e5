"""What one request carries through the house: its viewer, its deadline, its meter, its loaders.

A `RequestContext` is made by `api/app.py` for each request and lives as long as it; nothing in it
is shared between viewers. `Services` are the long-lived adapters and stores it stands on.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from backends.errors import BackendError, SessionExpired, Source, TimedOut, Unavailable
from backends.lane import Call
from backends.omero.client import OmeroClient
from backends.omero.import_command import ImportCommand
from backends.openbis.client import OpenbisClient
from link_store.errors import MigrationRequired, StoreUnavailable
from link_store.snapshots import SnapshotStore
from link_store.store import LinkStore
from resolvers.cohorts.shelf import Shelf
from resolvers.errors import BadInput, NotSignedIn
from resolvers.link_news import LinkNews
from resolvers.throttle import Throttle
from resolvers.viewers import ViewerCache

if TYPE_CHECKING:
    from resolvers.workflows.operations import Operations

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a session on each backend, or none; `key` tells viewers apart without a secret.

    `unopened` says why there is none where it is not the viewer's to give: a session of ours could
    not be opened because the system did not answer.
    """

    key: str
    user: str | None = None
    openbis: SecretStr | None = None
    omero: SecretStr | None = None
    unopened: Mapping[Source, BackendError] = field(default_factory=dict, compare=False, repr=False)

    def without(self, source: Source) -> BackendError | NotSignedIn:
        """Return the reason why there is no session on a source."""
        failure = self.unopened.get(source)
        if failure is None:
            return NotSignedIn(f"Sign in to {_TITLES[source]} to see this.", source)
        return type(failure)(source, failure.message)  # another place, another traceback


@dataclass(frozen=True, slots=True)
class Services:
    """The long-lived parts that requests share, and the institute's conventions."""

    openbis: OpenbisClient
    omero: OmeroClient
    links: LinkStore
    snapshots: SnapshotStore
    shelf: Shelf
    cache: ViewerCache
    subject_types: tuple[str, ...] = ("Q_BIOLOGICAL_ENTITY",)
    omero_web: str | None = None  # base address of OMERO.web, for viewer links
    omero_web_server: int = 1  # the number that OMERO.web knows our OMERO by
    importer: ImportCommand | None = None  # none where files cannot be imported
    image_record: str = "run-sample"  # what openBIS is told of images; see `ImageRecordKind`
    image_system: str = "OMERO"  # OMERO's code among openBIS's external systems
    operations: Operations | None = None  # none where nothing is registered, as within a step
    link_news: LinkNews = field(default_factory=LinkNews)


@dataclass(frozen=True, slots=True)
class Degradation:
    """A source that failed below a field which answers all the same."""

    error: BackendError
    path: tuple[str | int, ...]


def _no_tokens(
    _user: str, _openbis: SecretStr | None, _omero: SecretStr | None
) -> tuple[str, datetime]:
    raise NotImplementedError("This context was made without a maker of tokens.")


@dataclass(slots=True)
class RequestContext:
    """One request on its way; `loaders` is filled by `resolvers.loaders.Loaders`."""

    viewer: Viewer
    services: Services
    request_id: str
    call: Call = field(default_factory=Call)
    failures: dict[Source, BackendError] = field(default_factory=dict)
    degradations: dict[Source, Degradation] = field(default_factory=dict)
    loaders: Any = None
    marked: int = 0  # links that were found broken on the way, see `resolvers/gone.py`
    # Makes a bearer token of a user's sessions and says when it ends; set by the composition root.
    issue_token: Callable[[str, SecretStr | None, SecretStr | None], tuple[str, datetime]] = (
        _no_tokens
    )
    address: str = ""  # of the client, as far as it is known
    throttle: Throttle = field(default_factory=Throttle)
    # Makes the context anew for the same visitor; set by the composition root.
    again: Callable[[], Awaitable[RequestContext]] | None = None

    # Made for a part of this request, and closed with it.
    parts: list[RequestContext] = field(default_factory=list)

    def close(self) -> None:
        """Let go of what was found for the request.

        The context and its loaders know each other, and so does what has run the request: without
        this, all of it would stay until Python's collector comes by.
        """
        if self.loaders is not None:
            self.loaders.close()
        for part in self.parts:
            part.close()

    async def renewed(self) -> RequestContext:
        """Return a fresh context for the same viewer, for what outlives a request: subscriptions.

        Its deadline, loaders and account begin now, and the viewer's credentials are looked at
        again.
        """
        return self if self.again is None else await self.again()

    def openbis_token(self) -> SecretStr:
        """Return the viewer's openBIS session.

        Raises:
            NotSignedIn: there is none.
            BackendError: there is none because openBIS did not answer.
        """
        if self.viewer.openbis is None:
            raise self._noted(self.viewer.without(Source.OPENBIS))
        return self.viewer.openbis

    def omero_session(self) -> SecretStr:
        """Return the viewer's OMERO session.

        Raises:
            NotSignedIn: there is none.
            BackendError: there is none because OMERO did not answer.
        """
        if self.viewer.omero is None:
            raise self._noted(self.viewer.without(Source.OMERO))
        return self.viewer.omero

    def _noted(self, reason: BackendError | NotSignedIn) -> Exception:
        if isinstance(reason, BackendError):
            self.note(reason)
        return reason

    def operations(self) -> Operations:
        """Return the durable registrations of this process.

        Raises:
            BadInput: there are none here.
        """
        if self.services.operations is None:
            raise BadInput("Nothing can be registered from here.")
        return self.services.operations

    def note(self, error: BackendError) -> None:
        """Remember that a source failed, for `extensions.sources`."""
        if isinstance(error, Unavailable | TimedOut | SessionExpired):
            self.failures.setdefault(error.source, error)

    async def noted(self, work: Awaitable[T]) -> T:
        """Await a backend's answer, and remember it if the source failed."""
        try:
            return await work
        except BackendError as error:
            self.note(error)
            raise

    async def ask_links(self, operation: str, work: Awaitable[T]) -> T:
        """Run one call of the link store: counted, and its failure one more source that is down.

        Raises:
            Unavailable: the link store cannot be reached, or is not of this version.
            LinkStoreError: it refused, see `link_store/errors.py`.
        """
        started = time.monotonic()
        try:
            with self.call.span(Source.LINK_STORE, operation):
                return await work
        except (StoreUnavailable, MigrationRequired) as error:
            failure = Unavailable(Source.LINK_STORE, error.message)
            self.note(failure)
            raise failure from error
        finally:
            self.call.meter.count(Source.LINK_STORE, operation, time.monotonic() - started)

    def degrade(self, error: BackendError, path: Sequence[str | int]) -> None:
        """Remember a failure that a field answered around; each source is told once."""
        self.note(error)
        self.degradations.setdefault(error.source, Degradation(error, tuple(path)))

    def sources(self) -> dict[str, str]:
        """Tell for each source whether it answered: OK, NOT_ASKED, or how it failed."""
        return {
            _NAMES[source]: _state(self.failures.get(source), self.call.meter.calls.get(source, 0))
            for source in Source
        }

    def cost(self) -> dict[str, Any]:
        """Tell the calls and milliseconds spent per source, and the calls in all."""
        meter = self.call.meter
        return {
            "calls": {_NAMES[source]: meter.calls.get(source, 0) for source in Source},
            "milliseconds": {
                _NAMES[source]: round(meter.milliseconds.get(source, 0.0), 1) for source in Source
            },
            "totalCalls": sum(meter.calls.values()),
        }


_TITLES = {Source.OPENBIS: "openBIS", Source.OMERO: "OMERO"}
_NAMES = {Source.OPENBIS: "openbis", Source.OMERO: "omero", Source.LINK_STORE: "linkStore"}


def _state(failure: BackendError | None, calls: int) -> str:
    match failure:
        case TimedOut():
            return "TIMEOUT"
        case SessionExpired():
            return "SESSION_EXPIRED"
        case BackendError():
            return "UNAVAILABLE"
    return "OK" if calls else "NOT_ASKED"
