"""How bytes reach openBIS: over HTTP, or straight into an ASGI application in this process.

Both transports post one JSON-RPC body and return the body of the answer; what the bodies mean is
the business of `rpc.py`. Whatever goes wrong on the way becomes one of three typed errors whose
messages name neither address nor content. The composition root picks one and closes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx

from backends.errors import ProtocolError, Source, TimedOut, Unavailable

API_PATH = "openbis/openbis/rmi-application-server-v3.json"
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
OVERLOADED = {408, 429}

AsgiApplication = Callable[..., Awaitable[None]]


class OpenbisTransport(Protocol):
    """A way to one openBIS."""

    async def post(self, body: bytes) -> bytes:
        """Post a JSON-RPC request and return the answer's body.

        Raises:
            Unavailable: openBIS cannot be reached or answers with a server error.
            TimedOut: the connection stands, but the answer did not come in time.
            ProtocolError: something answered that is not openBIS.
        """
        ...

    async def aclose(self) -> None:
        """Give the connections back."""
        ...


class HttpTransport:
    """openBIS over HTTP, with kept connections.

    Args:
        base_url: `http(s)://host[:port][/prefix]`, the address below which `/openbis` stands.
        connections: open connections at most.
        connect_timeout: seconds to open a connection, or to get one from the pool.
        read_timeout: seconds of silence while waiting for the answer.
        trust_env: whether proxy variables of the environment are honoured.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connections: int = 10,
        connect_timeout: float = 5.0,
        read_timeout: float = 60.0,
        trust_env: bool = True,
    ) -> None:
        self._url = api_url(base_url)
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(read_timeout, connect=connect_timeout, pool=connect_timeout),
            limits=httpx.Limits(max_connections=connections, keepalive_expiry=30.0),
            headers=HEADERS,
            follow_redirects=False,
            trust_env=trust_env,
        )

    async def post(self, body: bytes) -> bytes:
        """Post over the network; see `OpenbisTransport.post`."""
        return await _post(self._client, self._url, body)

    async def aclose(self) -> None:
        """Close the pooled connections."""
        await self._client.aclose()


class AsgiTransport:
    """openBIS as an ASGI application in this process, spoken to through the same HTTP client."""

    def __init__(self, app: AsgiApplication) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
        # Time-outs do not exist within a process; the lane's deadline still holds.
        self._client = httpx.AsyncClient(transport=transport, headers=HEADERS)

    async def post(self, body: bytes) -> bytes:
        """Post into the application; see `OpenbisTransport.post`."""
        return await _post(self._client, f"http://embedded.invalid/{API_PATH}", body)

    async def aclose(self) -> None:
        """Close the client; the application is its maker's."""
        await self._client.aclose()


def api_url(base_url: str) -> str:
    """The address of the JSON-RPC service below a base address, any prefix kept."""
    parts = urlsplit(base_url)
    odd = parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in {"http", "https"} or not parts.hostname or odd:
        raise ValueError(
            "The openBIS address must be http(s)://host[:port][/prefix], without user or query."
        )
    return f"{base_url.rstrip('/')}/{API_PATH}"


async def _post(client: httpx.AsyncClient, url: str, body: bytes) -> bytes:
    # `from None` throughout: the client's own errors hold the request, and so the token.
    if client.is_closed:
        raise _unavailable("the way to it has been closed") from None
    try:
        response = await client.post(url, content=body)
    except (httpx.ReadTimeout, httpx.WriteTimeout):
        raise TimedOut(
            Source.OPENBIS, "openBIS did not answer in time; ask for less, or later."
        ) from None
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        raise _unavailable("no connection could be opened") from None
    except httpx.DecodingError:
        raise _unreadable("its answer cannot be decompressed") from None
    except (httpx.HTTPError, ConnectionError):
        raise _unavailable("the connection broke") from None
    except Exception as error:  # only an embedded application raises through here
        raise _unavailable("the embedded server failed") from error
    return _body(response)


def _body(response: httpx.Response) -> bytes:
    status = response.status_code
    if status == httpx.codes.OK or _is_rpc_error(response):
        return response.content
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in OVERLOADED:
        raise _unavailable(f"it answered with HTTP status {status}")
    raise _unreadable(f"HTTP status {status}")


def _is_rpc_error(response: httpx.Response) -> bool:
    """Whether a non-200 answer is openBIS refusing the request, with an envelope to be read.

    openBIS sends 404 for an unknown method, 500 for parameters that do not convert and 400 for an
    invalid request, each with one of JSON-RPC's own negative codes. A plain 500 is an outage.
    """
    try:
        answer: Any = response.json()
    except ValueError:
        return False
    error = answer.get("error") if isinstance(answer, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return isinstance(code, int) and code < 0


def _unavailable(why: str) -> Unavailable:
    return Unavailable(Source.OPENBIS, f"openBIS is not reachable ({why}); try again soon.")


def _unreadable(why: str) -> ProtocolError:
    return ProtocolError(
        Source.OPENBIS, f"What answers at the openBIS address is no openBIS ({why}); tell support."
    )
