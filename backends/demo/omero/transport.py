"""The OMERO adapter's transport over the embedded store, without a network.

`StoreTransport` runs the store's blocking calls in a bounded pool of threads, as a server works
through its requests, and translates the store's errors to `backends/errors.py`, without their
texts where these could tell more than a server's client may know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pydantic import SecretStr

from backends.demo.omero.changes import delete, save
from backends.demo.omero.errors import StoreLockError, StoreMissingError, StoreValidationError
from backends.demo.omero.store import (
    SERVER_VERSION,
    OmeroStore,
    StoreAuthenticationError,
    StoreError,
    StoreQueryError,
    StoreSecurityViolation,
    StoreSessionError,
    StoreUnavailableError,
)
from backends.errors import (
    AccessDenied,
    AuthenticationFailed,
    BackendError,
    ChangedMeanwhile,
    InvalidRequest,
    NotFound,
    ProtocolError,
    SessionExpired,
    Source,
    Unavailable,
)
from backends.omero.transport import HqlValue, OmeroIdentity
from backends.omero.write import Change, Deletion, Saved, verify
from backends.precedence import Turn, at_once

T = TypeVar("T")

THREADS = 8
TRANSLATION: tuple[tuple[type[StoreError], type[BackendError], str], ...] = (
    (StoreAuthenticationError, AuthenticationFailed, "OMERO refused user and password."),
    (StoreSessionError, SessionExpired, "The OMERO session is over: log in again."),
    (StoreSecurityViolation, AccessDenied, "Your OMERO groups do not allow this."),
    (StoreLockError, ChangedMeanwhile, "It was changed in OMERO meanwhile: read it again."),
    (
        StoreValidationError,
        InvalidRequest,
        "OMERO does not take this: it is there already, or something is missing.",
    ),
    (StoreUnavailableError, Unavailable, "OMERO cannot be reached: try again later."),
)


class StoreTransport:
    """An `OmeroTransport` over an `OmeroStore`; it owns its threads, not the store."""

    def __init__(self, store: OmeroStore, *, threads: int = THREADS) -> None:
        self.store = store
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="omero-store")

    @property
    def sessions_held(self) -> int:
        """How many sessions are open; nothing else keeps them."""
        return len(self.store.sessions)

    async def login(self, user: str, password: SecretStr) -> SecretStr:
        """Open a session and return its uuid."""
        return SecretStr(
            await self._run(lambda: self.store.login(user, password.get_secret_value()))
        )

    async def identity(self, session: SecretStr) -> OmeroIdentity:
        """Return whom the session belongs to."""
        info = await self._run(lambda: self.store.session(session.get_secret_value()))
        return OmeroIdentity(
            info.user_id, info.user_name, info.is_admin, info.group_id, info.group_ids
        )

    async def close(self, session: SecretStr) -> None:
        """End the session."""
        await self._run(lambda: self.store.close(session.get_secret_value()))

    async def open_for(
        self, session: SecretStr, user: str, *, life_seconds: int, idle_seconds: int
    ) -> SecretStr:
        """Open a session of another user, as an administrator."""
        uuid = session.get_secret_value()
        opened = await self._run(
            lambda: self.store.sudo(uuid, user, None, life_seconds, idle_seconds)
        )
        return SecretStr(opened.uuid)

    async def open_another(
        self, session: SecretStr, *, life_seconds: int, idle_seconds: int
    ) -> SecretStr:
        """Open a second session of the same user."""
        return SecretStr(
            await self._run(
                lambda: self.store.open_another(
                    session.get_secret_value(),
                    life_seconds=life_seconds,
                    idle_seconds=idle_seconds,
                )
            )
        )

    async def projection(
        self,
        session: SecretStr,
        hql: str,
        params: Mapping[str, HqlValue],
        *,
        group: int = -1,
        offset: int | None = None,
        limit: int | None = None,
        turn: Turn = at_once,
    ) -> list[list[Any]]:
        """Run one HQL projection; its rows are read in a thread, and wait for no turn."""
        del turn
        return await self._run(
            lambda: self.store.projection(
                session.get_secret_value(), hql, params, group=group, offset=offset, limit=limit
            )
        )

    async def thumbnails(
        self,
        session: SecretStr,
        pixels_ids: Sequence[int],
        longest_side: int,
        *,
        group: int = -1,
    ) -> dict[int, bytes | None]:
        """Return JPEG files by Pixels id."""
        return await self._run(
            lambda: self.store.thumbnails(
                session.get_secret_value(), pixels_ids, longest_side, group=group
            )
        )

    async def version(self, session: SecretStr) -> str:
        """Return the version of the server that the store stands for."""
        await self._run(lambda: self.store.session(session.get_secret_value()))
        return SERVER_VERSION

    async def save(
        self, session: SecretStr, changes: Sequence[Change], *, group: int
    ) -> tuple[Saved, ...]:
        """Carry out all changes or none."""
        verify(changes)
        if not changes:
            return ()
        return await self._run(lambda: save(self.store, session.get_secret_value(), changes, group))

    async def delete(
        self, session: SecretStr, deletion: Deletion, *, group: int
    ) -> dict[str, tuple[int, ...]]:
        """Delete in one transaction."""
        if not any(deletion.targets.values()):
            return {}
        return await self._run(
            lambda: delete(self.store, session.get_secret_value(), deletion, group)
        )

    async def aclose(self) -> None:
        """Release the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except StoreQueryError as error:
            # The text speaks of HQL and model names only, and it is the adapter that is at fault.
            raise InvalidRequest(Source.OMERO, str(error)) from error
        except StoreMissingError as error:
            raise NotFound(Source.OMERO, str(error)) from error
        except StoreError as error:
            for cause, effect, message in TRANSLATION:
                if isinstance(error, cause):
                    raise effect(Source.OMERO, message) from error
            raise ProtocolError(Source.OMERO, "OMERO answered something unexpected.") from error
