"""Sessions and tokens of openBIS, by pybis over our own wire.

`OpenbisSession` is a `pybis.Openbis` whose one request method hands every call to `Wire`: so pybis
gets the pooled connections, time-outs, retries, URL prefix, certificates and errors of everything
else here, prints nothing, and touches neither `~/.pybis` nor any other file. pybis is blocking;
`Sessions` runs it in a few worker threads, which wait for the event loop and never for a socket.
What carries the bytes does not matter to either, so the embedded openBIS is logged in to by the
very same code as a real one. Only `client.py` calls this; reads and writes in bulk do not pass
here, they are posted as v3 JSON by the client itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event
from typing import Any, TypeVar

from pybis import Openbis
from pydantic import SecretStr

from backends.errors import (
    AccessDenied,
    AuthenticationFailed,
    BackendError,
    InvalidRequest,
    SessionExpired,
    Source,
    TimedOut,
)
from backends.lane import Call
from backends.openbis import account
from backends.openbis.account import OpenbisServer, PersonalAccessToken, is_personal_access_token
from backends.openbis.rpc import unusable
from backends.openbis.wire import Wire

Post = Callable[[str, list[Any]], Any]
T = TypeVar("T")

THREADS = 8  # as many as a lane lets calls through; an idle one costs nothing


class OpenbisSession(Openbis):  # type: ignore[misc]  # pybis has no types
    """One person's pybis, blocking; every request goes through `post`.

    Args:
        address: of the openBIS, any prefix included.
        post: sends a method with its parameters and returns the result, or raises a `BackendError`.
        token: the session to use; not asked about beforehand, its first use tells.

    Attributes:
        failure: how the last request failed; pybis turns some failures into an empty answer.
    """

    def __init__(self, address: str, post: Post, token: SecretStr | None = None) -> None:
        self.failure: BaseException | None = None
        self._send = post
        super().__init__(
            url=address,
            token=None if token is None else token.get_secret_value(),
            # Whether plain HTTP is allowed has been decided where the transport was made.
            allow_http_but_do_not_use_this_in_production_and_only_within_safe_networks=True,
        )

    def _post_request(self, resource: str, request: dict[str, Any]) -> Any:
        """Post below the address; pybis' own way would drop the prefix."""
        return self._post_request_full_url(self.url.rstrip("/") + resource, request)

    def _post_request_full_url(self, full_url: str, request: dict[str, Any]) -> Any:
        """Send one request: the only way out of pybis."""
        if full_url != self.url.rstrip("/") + self.as_v3:
            raise InvalidRequest(
                Source.OPENBIS, "Only openBIS' application server is spoken to; leave files to DSS."
            )
        params = request["params"]
        if params[0] is None:
            raise SessionExpired(Source.OPENBIS, "You are not logged in to openBIS; log in.")
        try:
            result = self._send(request["method"], params)
        except (BackendError, CancelledError) as error:
            self.failure = error
            raise
        if request["method"] == "getServerInformation" and isinstance(result, dict):
            # pybis splits and converts some of these, and stumbles over null.
            return {name: value for name, value in result.items() if value is not None}
        return result

    def login_as(self, user: str, password: str, other: str) -> str | None:
        """Log in as another person, which an administrator may; pybis has no such method."""
        request = {"method": "loginAs", "params": [user, password, other]}
        token: str | None = self._post_request(self.as_v3, request)
        return token

    def set_token(self, token: str | None, save_token: bool = False) -> None:
        """Keep the token in memory, without asking whether it is good."""
        if save_token:
            self._save_token_to_disk()
        self.__dict__["token"] = token

    def _get_saved_token(self) -> None:
        """Find no token: what lies in somebody's home is not the viewer's."""

    def _save_token_to_disk(self, os_home: str | None = None) -> str:
        del os_home
        raise InvalidRequest(Source.OPENBIS, "Session tokens are never written to a file.")

    def _repr_html_(self) -> str:
        return "<p>an openBIS session</p>"


class Sessions:
    """Opens, ends and describes sessions of one openBIS.

    Args:
        wire: the way there.
        threads: how many calls of pybis run at a time; the others wait within their deadline.
    """

    def __init__(self, wire: Wire, *, threads: int = THREADS) -> None:
        self._wire = wire
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="pybis")

    async def login(self, user: str, password: SecretStr, call: Call) -> SecretStr:
        """Open a session and return its token; see `OpenbisClient.login`."""

        def work(session: OpenbisSession) -> Any:
            try:
                return session.login(user, password.get_secret_value())
            except ValueError:
                return None  # what pybis makes of the null that openBIS answers

        return _opened(await self._run(work, call))

    async def login_as(self, user: str, password: SecretStr, other: str, call: Call) -> SecretStr:
        """Open a session of another person; see `OpenbisClient.login_as`."""

        def work(session: OpenbisSession) -> Any:
            return session.login_as(user, password.get_secret_value(), other)

        return _opened(await self._run(work, call))

    async def logout(self, token: SecretStr, call: Call) -> None:
        """End a session."""
        await self._run(OpenbisSession.logout, call, token)

    async def server(self, token: SecretStr, call: Call) -> OpenbisServer:
        """What the server says of itself."""
        return account.server(await self._run(OpenbisSession.get_server_information, call, token))

    async def obtain_token(self, token: SecretStr, name: str, call: Call) -> PersonalAccessToken:
        """A personal access token; see `OpenbisClient.obtain_token`."""
        if is_personal_access_token(token):
            # pybis would go looking for a session in the home folder.
            raise AccessDenied(
                Source.OPENBIS, "A personal access token cannot make another; log in for that."
            )

        def work(session: OpenbisSession) -> Any:
            information = session.get_server_information()
            if not information.personal_access_tokens_enabled:
                raise InvalidRequest(
                    Source.OPENBIS,
                    "This openBIS gives out no personal access tokens; its operator can allow them "
                    "with personal-access-tokens-enabled.",
                )
            # pybis' own default is the time at which it was imported.
            now = datetime.now().astimezone()
            longest = information.personal_access_tokens_max_validity_period
            period = (now, None if longest is None else now + timedelta(seconds=longest))
            made = session.get_or_create_personal_access_token(name, *period)
            if made.data["sessionName"] != name:
                # It searches for names that begin like this one.
                made = session.get_or_create_personal_access_token(name, *period, force=True)
            return made.data

        return account.personal_access_token(await self._run(work, call, token))

    async def describe_token(
        self, token: SecretStr, described: SecretStr, call: Call
    ) -> PersonalAccessToken:
        """Whose a personal access token is and how long it is good for."""

        def work(session: OpenbisSession) -> Any:
            try:
                return session.get_personal_access_token(
                    described.get_secret_value(), only_data=True
                )
            except ValueError:
                raise SessionExpired(
                    Source.OPENBIS,
                    "Your openBIS access token is not valid, or no longer; use another.",
                ) from None

        return account.personal_access_token(await self._run(work, call, token))

    async def aclose(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(
        self, work: Callable[[OpenbisSession], T], call: Call, token: SecretStr | None = None
    ) -> T:
        """Do some work with pybis in a thread; the loop does its requests."""
        bridge = _Bridge(self._wire, call)
        session = OpenbisSession(self._wire.transport.address, bridge.post, token)
        left = None if call.deadline is None else call.deadline - time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(left):
                result = await loop.run_in_executor(self._threads, work, session)
        except TimeoutError:
            raise TimedOut(Source.OPENBIS, "openBIS did not answer in time; try again.") from None
        except BackendError:
            raise
        except Exception:  # noqa: BLE001 - pybis raises whatever the odd answer led it to
            # Its message may hold a server's text, and so may its context.
            raise session.failure or unusable("pybis cannot read it") from None
        finally:
            bridge.close()
        if session.failure is not None:
            raise session.failure
        return result


class _Bridge:
    """Carries the requests of one thread to the event loop, one at a time."""

    def __init__(self, wire: Wire, call: Call) -> None:
        self._loop = asyncio.get_running_loop()
        self._wire = wire
        self._call = call
        self._pending: Future[Any] | None = None
        self._closed = Event()

    def post(self, method: str, params: list[Any]) -> Any:
        """Have the loop make a call, and wait for it; called in the thread."""
        if self._closed.is_set():
            raise CancelledError
        work = self._wire.call(method, params, self._call)
        self._pending = asyncio.run_coroutine_threadsafe(work, self._loop)
        if self._closed.is_set():
            self._pending.cancel()
        return self._pending.result()

    def close(self) -> None:
        """Give up what is still on its way, so that the thread ends; called in the loop."""
        self._closed.set()
        if self._pending is not None:
            self._pending.cancel()


def _opened(token: Any) -> SecretStr:
    if token is None:
        raise AuthenticationFailed(
            Source.OPENBIS, "openBIS does not accept this user and password."
        )
    if not isinstance(token, str):
        raise unusable("it sent no session token")
    return SecretStr(token)
