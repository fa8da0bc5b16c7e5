"""Signing in and out: one user and password for both systems, or one pair for each.

A system that refuses does not keep the viewer out of the other: the viewer then has one session.
Bearer tokens are made from the sessions by `api/auth.py`; nothing is stored here.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import closing, suppress
from dataclasses import dataclass, field

from pydantic import SecretStr

from backends.errors import AuthenticationFailed, BackendError, Source
from link_store.errors import LinkStoreError
from resolvers.context import RequestContext, Viewer
from resolvers.loaders import Loaders


@dataclass(frozen=True, slots=True)
class Attempt:
    """User and password for one system."""

    user: str
    password: SecretStr


@dataclass(frozen=True, slots=True)
class Sessions:
    """What a login opened, and how it failed where it did."""

    user: str
    openbis: SecretStr | None = None
    omero: SecretStr | None = None
    failures: dict[Source, BackendError] = field(default_factory=dict)


async def login(
    context: RequestContext, openbis: Attempt | None, omero: Attempt | None
) -> Sessions:
    """Open a session on each system that credentials were given for.

    Raises:
        AuthenticationFailed: no system let the user in.
        BackendError: no system let the user in, and at least one did not answer.
        LimitExceeded: too many logins of this user, or from this address, have failed.
    """
    services = context.services
    attempts = {
        source: (client, attempt)
        for source, client, attempt in (
            (Source.OPENBIS, services.openbis, openbis),
            (Source.OMERO, services.omero, omero),
        )
        if attempt is not None
    }
    names = {source: f"{source}/{attempt.user}" for source, (_, attempt) in attempts.items()}
    context.throttle.check(names.values(), context.address)
    answers = await asyncio.gather(
        *(
            client.login(attempt.user, attempt.password, context.call)
            for client, attempt in attempts.values()
        ),
        return_exceptions=True,
    )
    opened: dict[Source, SecretStr] = {}
    failures: dict[Source, BackendError] = {}
    for source, answer in zip(attempts, answers, strict=True):
        if isinstance(answer, SecretStr):
            opened[source] = answer
        elif isinstance(answer, BackendError):
            failures[source] = answer
            context.note(answer)
        else:
            raise answer
    context.throttle.succeeded([names[source] for source in opened])
    # A system that does not answer says nothing of the password; nor is one guessed that the other
    # system has just accepted: this user has no account here, or another password.
    shown = [attempts[source][1] for source in opened]
    refused = [
        names[source]
        for source, failure in failures.items()
        if isinstance(failure, AuthenticationFailed) and attempts[source][1] not in shown
    ]
    if refused:
        context.throttle.failed(refused, "" if opened else context.address)
    if not opened:
        raise _worst(list(failures.values()))
    given = openbis or omero
    made = Sessions(
        user=given.user if given else "",
        openbis=opened.get(Source.OPENBIS),
        omero=opened.get(Source.OMERO),
        failures=failures,
    )
    await _resume(context, made)
    return made


async def _resume(context: RequestContext, opened: Sessions) -> None:
    """Let the registrations go on that wait for this login; that they cannot is no reason to fail.

    The viewer's key is one of its own: nothing that others have been told is remembered for it.
    """
    operations = context.services.operations
    if operations is None or opened.openbis is None:
        return
    viewer = Viewer(secrets.token_hex(12), opened.user, opened.openbis, opened.omero)
    own = RequestContext(viewer, context.services, context.request_id, context.call)
    own.loaders = Loaders(own)
    with closing(own), suppress(BackendError, LinkStoreError):
        await operations.resume_all(own)


async def logout(context: RequestContext) -> None:
    """End both of the viewer's sessions and forget what was remembered of the viewer.

    Raises:
        BackendError: a system did not answer; its session will end by itself.
    """
    viewer = context.viewer
    context.services.cache.forget(viewer.key)
    work = []
    if viewer.openbis is not None:
        work.append(context.services.openbis.logout(viewer.openbis, context.call))
    if viewer.omero is not None:
        work.append(context.services.omero.logout(viewer.omero, context.call))
    for answer in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(answer, BaseException):
            raise answer


def _worst(failures: list[BackendError]) -> BackendError:
    """Prefer telling of a system that is down over telling that the password is wrong."""
    for failure in failures:
        if not isinstance(failure, AuthenticationFailed):
            return failure
    return failures[0]
