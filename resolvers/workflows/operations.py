"""`Operations`: workflows asked for, watched, cancelled, and taken over from who has gone.

A request becomes a row in the link database (one per owner and key), then a walk of the engine.
Should the process end in between, or in the middle, its lease runs out and the next sweep of any
replica lets the operation go on. Made once by the composition root and handed to requests as
`context.services.operations`; what a workflow does is not known here.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import uuid
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from backends.errors import Source
from backends.filters import Key, Page, PageRequest
from link_store.errors import LinkStoreError, LostOperation
from link_store.operation_records import NewOperation, OperationRecord, OperationState
from link_store.operations import OperationStore
from resolvers import identity
from resolvers.context import RequestContext, Services
from resolvers.errors import BadInput, Missing, TooLate
from resolvers.workflows.credentials import Sealer
from resolvers.workflows.definition import Json, Workflow
from resolvers.workflows.engine import Engine
from resolvers.workflows.execution import Execution, Tools
from resolvers.workflows.pace import Pace

LONGEST_KEY: Final = 200
LEASE: Final = timedelta(seconds=15)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
HANDING_OUT: Final = timedelta(seconds=5)

_log = logging.getLogger("omnibis.workflows")


class Operations:
    """All operations of this process.

    Args:
        store: the operations' rows.
        services: the systems, for the steps.
        sealer: encrypts sessions.
        url: of the engine's database.
        workflows: those that can be asked for.
        pace: how patient they are.
        lease: how long a process may be silent before others take over its operations.
        pass_point: told the name of every place at which a walk may be killed; for tests.
    """

    def __init__(
        self,
        store: OperationStore,
        services: Services,
        sealer: Sealer,
        url: str,
        workflows: Iterable[Workflow],
        *,
        pace: Pace | None = None,
        lease: timedelta = LEASE,
        pass_point: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._store = store
        self._services = services
        self._sealer = sealer
        self._workflows = {workflow.kind: workflow for workflow in workflows}
        self._pace = pace or Pace()
        self._lease = lease
        self._pass_point = pass_point
        self._runner = uuid.uuid4().hex
        self._engine = Engine(url, self._runner, self._execute)
        self._walks: dict[str, Tools] = {}
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._sweeper: asyncio.Task[None] | None = None

    # --- life ---------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to take over what others have left; what runs here gives signs of life."""
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep_forever())

    async def stop(self) -> None:
        """Interrupt what runs and leave it to others, or to the next start."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper
            self._sweeper = None
        await self._engine.stop()
        with suppress(LinkStoreError):
            await self._store.release(self._runner)

    # --- asking -------------------------------------------------------------------------------

    async def submit(
        self, context: RequestContext, kind: str, asked: Json, key: str | None = None
    ) -> OperationRecord:
        """Have a workflow run, once for each key of its owner.

        Args:
            context: the owner's request; both sessions are kept, encrypted, until the end.
            kind: of the workflow.
            asked: its input; it has been checked. Under `request` stands what was asked for, by
                which a second request with the same key is known; without it, all of it is.
            key: of the caller's choice; the same one again answers with the same operation.

        Raises:
            BadInput: the key is no key, or was used for something else.
            ClaimTaken: another operation works on the same thing.
        """
        workflow = self._workflows[kind]
        owner = await self.owner(context)
        viewer = context.viewer
        new = NewOperation(
            id=uuid.uuid4().hex,
            kind=kind,
            owner=owner,
            key=_checked(key),
            title=workflow.title(asked),
            claims=workflow.claims(asked),
            input=asked,
            credentials=self._sealer.seal(viewer.openbis, viewer.omero),
            viewer=viewer.key,
        )
        record, fresh = await self._store.accept(new, self._runner, self._lease)
        if not fresh:
            return await self._same(context, record, kind, _request_of(asked))
        self._pass_point(f"{kind}/accepted")
        await self._engine.start(record.id)
        return record

    async def known(
        self, context: RequestContext, kind: str, request: Json, key: str | None
    ) -> OperationRecord | None:
        """The operation that this very request was before, if it was.

        To be asked before checks that its own success would make fail. `request` is what the input
        has, or will have, under that name: what was asked for, without what was found out then.

        Raises:
            BadInput: the key is no key, or was used for something else.
        """
        if key is None:
            return None
        record = await self._store.by_key(await self.owner(context), _checked(key))
        return None if record is None else await self._same(context, record, kind, request)

    async def owner(self, context: RequestContext) -> str:
        """Who owns what is asked for in a request: the openBIS user."""
        return (await identity.openbis(context)).user_id

    async def get(self, context: RequestContext, operation_id: str) -> OperationRecord:
        """One of the viewer's own operations.

        Raises:
            Missing: there is none, or it is somebody else's.
        """
        record = await self._store.get(operation_id)
        if record is None or record.owner != await self.owner(context):
            raise Missing("You have no such operation.", Source.LINK_STORE)
        return record

    async def of_viewer(
        self, context: RequestContext, page: PageRequest, states: Collection[OperationState] = ()
    ) -> Page[OperationRecord]:
        """A page of the viewer's own operations, newest first."""
        key = None
        if page.key is not None:
            try:
                key = (EPOCH + timedelta(microseconds=int(page.key[0] or 0)), str(page.key[1]))
            except OverflowError:
                raise BadInput(
                    "This is not a cursor of this server; use one from `pageInfo` or `edges`."
                ) from None
        found = await self._store.of_owner(
            await self.owner(context),
            limit=page.limit,
            states=states,
            key=key,
            backward=page.backward,
            count=page.count,
        )
        keys: tuple[Key, ...] = tuple(
            ((record.created_at - EPOCH) // timedelta(microseconds=1), record.id)
            for record in found.items
        )
        return Page(found.items, keys, has_more=found.has_more, total=found.total)

    async def cancel(self, context: RequestContext, operation_id: str) -> OperationRecord:
        """End an operation; what it has done is taken back.

        Raises:
            Missing: there is none, or it is somebody else's.
            TooLate: it has ended, or has passed the point from which it can be undone.
        """
        record = await self.get(context, operation_id)
        if record.cancelled:
            return record
        cancelled = await self._store.cancel(record.id)
        if cancelled is None:
            raise TooLate("It is too late to cancel: the operation has ended, or is about to.")
        self._tell(cancelled)
        self._wake(record.id)
        return cancelled

    async def resume(self, context: RequestContext, operation_id: str) -> OperationRecord:
        """Let an operation that waits for a login go on with the request's sessions."""
        record = await self.get(context, operation_id)
        if not record.is_final:
            await self._renew(record, context)
        return await self.get(context, operation_id)

    async def resume_all(self, context: RequestContext) -> int:
        """The same for all that the viewer has waiting; called after each login; says how many."""
        if context.viewer.openbis is None or not await self._store.anybody_waits():
            return 0
        waiting = await self._store.waiting_for(await self.owner(context))
        for record in waiting:
            await self._renew(record, context)
        return len(waiting)

    # --- watching -----------------------------------------------------------------------------

    async def watch(
        self, context: RequestContext, operation_id: str
    ) -> AsyncGenerator[OperationRecord, None]:
        """The operation as it is, and again after each change, until it has ended.

        Raises:
            Missing: there is none, or it is somebody else's.
        """
        record = await self.get(context, operation_id)
        changed = asyncio.Event()
        self._watchers.setdefault(operation_id, set()).add(changed)
        try:
            yield record
            while not record.is_final:
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), self._pace.poll)
                changed.clear()
                latest = await self._store.get(operation_id)
                if latest is not None and latest.updated_at != record.updated_at:
                    record = latest
                    yield record
        finally:
            watchers = self._watchers[operation_id]
            watchers.discard(changed)
            if not watchers:
                del self._watchers[operation_id]

    async def wait(
        self, context: RequestContext, operation_id: str, seconds: float | None
    ) -> OperationRecord:
        """The operation at its end, or as it is after so many seconds; None waits for the end.

        Returns at once when it waits for a login: nothing comes of waiting with it.
        """
        record = await self.get(context, operation_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for latest in self.watch(context, operation_id):
                    record = latest
                    if record.is_final or record.state is OperationState.NEEDS_LOGIN:
                        break
        return record

    # --- inside -------------------------------------------------------------------------------

    async def _execute(self, operation_id: str) -> None:
        """Walk through an operation; called by the engine, on its loop."""
        try:
            record = await self._engine.here(
                lambda: self._store.take(operation_id, self._runner, self._lease)
            )
        except LostOperation:
            return  # it has ended
        tools = Tools(
            self._store,
            self._services,
            self._sealer,
            self._engine.checkpoint,
            self._engine.here,
            self._runner,
            self._pace,
            self._pass_point,
            self._tell,
        )
        self._walks[operation_id] = tools
        try:
            await Execution(record, self._workflows[record.kind], tools).walk()
        finally:
            self._walks.pop(operation_id, None)

    async def _same(
        self, context: RequestContext, record: OperationRecord, kind: str, request: Json
    ) -> OperationRecord:
        """See that a request with a known key is the same request."""
        if (record.kind, _request_of(record.input)) != (kind, request):
            raise BadInput(
                "This idempotency key was used for another request; choose another, or repeat "
                "that one as it was."
            )
        if record.state is OperationState.NEEDS_LOGIN:
            await self._renew(record, context)
        return record

    async def _renew(self, record: OperationRecord, context: RequestContext) -> None:
        """Give an operation the request's sessions, and keep those that the request has not."""
        openbis, omero = self._sealer.unseal(record.credentials)
        viewer = context.viewer
        sealed = self._sealer.seal(viewer.openbis or openbis, viewer.omero or omero)
        await self._store.renew(record.id, sealed, viewer.key)
        self._wake(record.id)

    def _wake(self, operation_id: str) -> None:
        if operation_id in self._walks:
            self._walks[operation_id].woken.set()

    def _tell(self, record: OperationRecord) -> None:
        for event in self._watchers.get(record.id, ()):
            event.set()

    async def _sweep_forever(self) -> None:
        """Give signs of life, and take over what is abandoned."""
        pause = self._lease.total_seconds() / 3
        while True:
            try:
                if self._walks:
                    await self._store.beat(self._runner, tuple(self._walks), self._lease)
                await self._sweep()
            except LinkStoreError as error:
                _log.warning("operations cannot be looked after now: %s", error.message)
            except Exception:  # noqa: BLE001 - the sweeper must live; the log has it
                _log.exception("operations cannot be looked after")
            await asyncio.sleep(pause)

    async def _sweep(self) -> None:
        for abandoned in await self._store.abandoned(datetime.now(UTC)):
            if abandoned.kind not in self._workflows or abandoned.id in self._walks:
                continue
            # The engine hands it out about once a second, perhaps to another replica.
            lease = max(self._lease, HANDING_OUT)
            if await self._store.seize(abandoned, self._runner, lease):
                _log.info("operation %s goes on", abandoned.id)
                await self._engine.resume(abandoned.id)


def _request_of(asked: Json) -> Json:
    """What was asked for, without what was found out then; all of it where nothing was."""
    request: Json = asked.get("request", asked)
    return request


def _checked(key: str | None) -> str:
    if key is None:
        return secrets.token_hex(16)
    if not 0 < len(key) <= LONGEST_KEY or not key.isprintable() or key.isspace():
        raise BadInput(f"An idempotency key has 1 to {LONGEST_KEY} printable characters.")
    return key
