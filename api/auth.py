"""Who: bearer tokens that hold the viewer's own sessions, and who a request without any is.

A token is an encrypted JWE that holds both sessions, so any replica can read it and nothing is
stored. Which of the ways in a request takes is decided in `api/door.py`. Login and logout
themselves are mutations (`api/types/session_commands.py`); they call `TokenBox.issue_token`. No
secret appears in a `repr`, an error or a log.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import orjson
from graphql import GraphQLError
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import SecretStr
from starlette.requests import HTTPConnection

from api.settings import Settings, SettingsError, decode_key
from backends.errors import BackendError, Source
from backends.lane import Call
from resolvers.context import Viewer

LONGEST_TOKEN: Final = 4096  # characters; ours have some 400
ALGORITHMS: Final = ("dir", "A256GCM")
AUDIENCE: Final = "omnibis"
DEMO_KEY: Final = "demo-"
ANONYMOUS: Final = "anonymous"  # the key of a viewer without sessions
LOGIN_SECONDS: Final = 3.0  # a backend that hangs must not hold up questions to the other one


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever sends a request, before it is known whether the credentials are good.

    Args:
        headers: the request's headers, or what a WebSocket's first message has in their place.
        request_id: as it stands in logs and answers.
        peer: the address at the other end of the connection, which may be a proxy's.
        takes_cookie: whether the explorer's cookie counts without more: for what changes nothing
            and shows nothing to other pages.
    """

    headers: Mapping[str, str] = field(repr=False)
    request_id: str = ""
    peer: str = ""
    takes_cookie: bool = False


def visitor_of(
    connection: HTTPConnection, request_id: str, *, takes_cookie: bool = False
) -> Visitor:
    """Return who sends a request or opens a WebSocket."""
    peer = "" if connection.client is None else connection.client.host
    return Visitor(connection.headers, request_id, peer, takes_cookie)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's sessions, as a bearer token holds them."""

    user: str | None
    openbis: SecretStr | None = None
    omero: SecretStr | None = None

    def viewer(self) -> Viewer:
        """Return the viewer with these sessions; its key tells viewers apart without a secret."""
        return Viewer(viewer_key(self), self.user, self.openbis, self.omero)


def viewer_key(credentials: Credentials) -> str:
    """A short hash of the sessions, for per-viewer caches and for logs."""
    digest = hashlib.blake2b(digest_size=12, person=b"omnibis.viewer")
    for secret in (credentials.openbis, credentials.omero):
        value = b"" if secret is None else secret.get_secret_value().encode()
        digest.update(len(value).to_bytes(4, "big") + value)
    return digest.hexdigest()


class TokenBox:
    """Issues and reads bearer tokens.

    Args:
        keys: 32 bytes each; the first encrypts, all decrypt, so that a key can be replaced.
        hours: how long a token is good for.
    """

    def __init__(self, keys: tuple[bytes, ...], *, hours: float = 8.0) -> None:
        self._keys = tuple(OctKey.import_key(key) for key in keys)
        self._seconds = hours * 3600

    def __repr__(self) -> str:
        return f"TokenBox({len(self._keys)} keys)"

    def issue_token(self, credentials: Credentials, *, now: float | None = None) -> str:
        """Encrypt credentials into a bearer token that expires by itself."""
        issued = time.time() if now is None else now
        claims = {
            "aud": AUDIENCE,
            "exp": int(issued + self._seconds),
            "sub": credentials.user,
            "openbis": _reveal(credentials.openbis),
            "omero": _reveal(credentials.omero),
        }
        header = {"alg": "dir", "enc": "A256GCM"}
        return jwe.encrypt_compact(header, orjson.dumps(claims), self._keys[0], list(ALGORITHMS))

    def expiry_of(self, token: str) -> datetime:
        """Return when a bearer token of ours ends by itself."""
        return datetime.fromtimestamp(self._open(token)["exp"], UTC)

    def read_token(self, token: str, *, now: float | None = None) -> Credentials:
        """Decrypt a bearer token.

        Raises:
            GraphQLError: UNAUTHENTICATED when it is not one of ours, SESSION_EXPIRED when it is
                but its time is over.
        """
        claims = self._open(token)
        if claims.get("exp", 0) <= (time.time() if now is None else now):
            raise refusal("The bearer token has expired; log in again.", "SESSION_EXPIRED")
        return Credentials(
            user=claims.get("sub"),
            openbis=_hide(claims.get("openbis")),
            omero=_hide(claims.get("omero")),
        )

    def _open(self, token: str) -> dict[str, Any]:
        if len(token) <= LONGEST_TOKEN and _is_canonical(token):
            for key in self._keys:
                try:
                    plaintext = jwe.decrypt_compact(token, key, list(ALGORITHMS)).plaintext
                    claims = orjson.loads(plaintext or b"null")
                # joserfc lets ValueErrors of its decoders pass when a token is no JWE at all.
                except (JoseError, ValueError, KeyError, TypeError):
                    continue
                if isinstance(claims, dict) and claims.get("aud") == AUDIENCE:
                    return claims
        raise refusal("The bearer token is not one of this server; log in again.")


def token_box(settings: Settings) -> TokenBox:
    """Make the box of bearer tokens from the settings' key.

    Raises:
        SettingsError: there is no key.
    """
    if settings.token_key is None:
        raise SettingsError(
            "OMNIBIS_TOKEN_KEY or OMNIBIS_TOKEN_KEY_FILE is missing: 32 random bytes in base64, "
            "such as `openssl rand -base64 32` makes."
        )
    keys = [settings.token_key]
    if settings.token_key_previous is not None:
        keys.append(settings.token_key_previous)
    return TokenBox(tuple(map(decode_key, keys)), hours=token_hours(settings))


def token_hours(settings: Settings) -> float:
    """How long a token is good for: no longer than the sessions that it holds."""
    return min(settings.token_hours, settings.openbis_session_hours, settings.omero_session_hours)


class ViewerSource(Protocol):
    """Whoever can say which viewer a request without credentials acts as."""

    async def viewer(self, call: Call) -> Viewer:
        """Return the viewer."""
        ...

    def forget(self, source: Source) -> None:
        """Drop the session on one source because it has expired."""
        ...


class Nobody:
    """Outside of the demo, a request without credentials has no sessions."""

    async def viewer(self, call: Call) -> Viewer:
        """Return a viewer without sessions: fields that need one say UNAUTHENTICATED."""
        del call
        return Viewer(ANONYMOUS)

    def forget(self, source: Source) -> None:
        """Do nothing: there is nothing to forget."""


class Login(Protocol):
    """The part of a backend's client that gives out sessions."""

    async def login(self, user: str, password: SecretStr, call: Call) -> SecretStr:
        """Return a new session."""
        ...


@dataclass(slots=True)
class AnonymousViewer:
    """In the demo, a request without credentials acts as one fixed user.

    It logs in when first needed, once per backend, and again after `forget`. A backend that is
    down gives no session; what needs it then fails for the true reason, that it is down.
    """

    user: str
    password: SecretStr
    logins: Mapping[Source, Login]
    _sessions: dict[Source, SecretStr] = field(default_factory=dict, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def viewer(self, call: Call) -> Viewer:
        """Return the viewer, logged in wherever that is possible now.

        Its calls are not the request's: they get a meter of their own.
        """
        answers: dict[Source, SecretStr | BackendError] = {**self._sessions}
        if len(answers) < len(self.logins):
            soon = time.monotonic() + LOGIN_SECONDS
            own = Call(deadline=soon if call.deadline is None else min(soon, call.deadline))
            async with self._lock:
                answers = dict(
                    await asyncio.gather(*(self._sign_in(source, own) for source in self.logins))
                )
        opened = {source: each for source, each in answers.items() if isinstance(each, SecretStr)}
        return Viewer(
            key=DEMO_KEY + self.user,
            user=self.user,
            openbis=opened.get(Source.OPENBIS),
            omero=opened.get(Source.OMERO),
            unopened={
                source: each for source, each in answers.items() if isinstance(each, BackendError)
            },
        )

    def forget(self, source: Source) -> None:
        """Drop the session on one source; the next request logs in again."""
        self._sessions.pop(source, None)

    async def _sign_in(self, source: Source, call: Call) -> tuple[Source, SecretStr | BackendError]:
        """Return the session, opened now if there is none; else how that failed."""
        session = self._sessions.get(source)
        if session is None:
            try:
                session = await self.logins[source].login(self.user, self.password, call)
            except BackendError as error:
                return source, error  # told by each field that needs this source
            self._sessions[source] = session
        return source, session


def refusal(message: str, code: str = "UNAUTHENTICATED") -> GraphQLError:
    """Make the error for credentials that cannot be used."""
    return GraphQLError(message, extensions={"code": code, "retryable": False})


def _is_canonical(token: str) -> bool:
    """Whether each part ends in bits that mean something.

    The last character of unpadded base64 has bits that decoding drops; a token that differs only
    there would be read as the same. We issue one spelling and accept one spelling.
    """
    parts = token.split(".")
    return len(parts) == 5 and all(map(_is_canonical_part, parts))  # noqa: PLR2004 - compact JWE


def _is_canonical_part(part: str) -> bool:
    left_over = len(part) % 4
    if left_over == 0:
        return True
    dropped = {2: 4, 3: 2}.get(left_over)
    index = _BASE64URL.find(part[-1])
    return dropped is not None and index >= 0 and index % (1 << dropped) == 0


_BASE64URL: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _reveal(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _hide(value: object) -> SecretStr | None:
    return SecretStr(value) if isinstance(value, str) else None
