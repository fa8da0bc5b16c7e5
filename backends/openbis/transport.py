"""How bytes reach openBIS: over HTTP, or straight into an ASGI application in this process.

Both transports post one JSON-RPC body and return the body of the answer; what the bodies mean is
the business of `rpc.py`. Whatever goes wrong on the way becomes a typed error whose message names
neither address nor content. Nothing is repeated here, that is the lane's business, and nobody is
logged in again, for the sessions are the viewers'. The composition root picks a transport and
closes it.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Protocol

import httpx
import orjson

from backends.errors import InvalidRequest, ProtocolError, Source, TimedOut, Unavailable
from backends.openbis.address import API_PATH, base_address, is_loopback
from backends.openbis.connections import Connections

HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
OVERLOADED = {408, 429}
MEGABYTE = 1 << 20
LARGEST = 256 * MEGABYTE


class NotSent(Unavailable):
    """No connection could be opened, so that nothing was sent."""


AsgiApplication = Callable[..., Awaitable[None]]


class OpenbisTransport(Protocol):
    """A way to one openBIS."""

    @property
    def address(self) -> str:
        """The address below which `/openbis` stands; for pybis and the doctor, not for messages."""
        ...

    async def post(self, body: bytes) -> bytes:
        """Post a JSON-RPC request and return the answer's body.

        Raises:
            NotSent: openBIS cannot be reached, and knows nothing of the request.
            Unavailable: the connection broke, or openBIS answers with a server error.
            TimedOut: the connection stands, but the answer did not come in time.
            ProtocolError: something answered that is not openBIS.
            InvalidRequest: the answer is larger than we read.
        """
        ...

    async def aclose(self) -> None:
        """Give the connections back."""
        ...


class HttpTransport:
    """openBIS over HTTP/1.1, with a few kept connections for all viewers.

    A cancelled call gives up its connection at once. Redirects are not followed: the session would
    go wherever they lead.

    Args:
        base_url: `https://host[:port][/prefix]`, the address below which `/openbis` stands.
        connections: open connections at most; as many as the lane lets calls through.
        connect_timeout: seconds to open a connection, or to wait for a free one.
        read_timeout: seconds of silence while waiting for the answer.
        idle: seconds an unused connection is kept; shorter than servers do (Apache: 5), lest a
            write goes out on a connection that is just being closed.
        ca_file: the only certificates to trust, in PEM; the system's if there is none.
        verify: whether the certificate is checked at all.
        allow_http: whether a host other than this one may be spoken to without TLS.
        trust_env: whether proxy variables of the environment are honoured.
        largest: bytes of an answer, decompressed, that are read at most.

    Attributes:
        clock_skew: seconds that openBIS' clock was ahead of ours at its last answer, if it told.

    Raises:
        ValueError: the address or the certificates are of no use; says why in words.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connections: int = 10,
        connect_timeout: float = 5.0,
        read_timeout: float = 60.0,
        idle: float = 4.0,
        ca_file: Path | None = None,
        verify: bool = True,
        allow_http: bool = False,
        trust_env: bool = True,
        largest: int = LARGEST,
    ) -> None:
        self.address = base_address(base_url, allow_http=allow_http)
        self.clock_skew: float | None = None
        self.tls = tls(self.address, ca_file, verify=verify)
        self.trust_env = trust_env and not is_loopback(self.address)
        self._url = f"{self.address}/{API_PATH}"
        self._largest = largest

        def client() -> httpx.AsyncClient:
            return httpx.AsyncClient(
                http1=True,
                http2=False,
                verify=self.tls,
                timeout=httpx.Timeout(read_timeout, connect=connect_timeout),
                limits=httpx.Limits(max_connections=1, keepalive_expiry=idle),
                headers=HEADERS | {"Accept-Encoding": "gzip"},
                follow_redirects=False,
                trust_env=self.trust_env,
            )

        self._connections = Connections(
            client, size=connections, patience=connect_timeout, idle=idle
        )

    async def post(self, body: bytes) -> bytes:
        """Post over the network; see `OpenbisTransport.post`."""
        if self._connections.is_closed:
            raise _unavailable("the way to it has been closed", NotSent)
        asked = time.time()
        try:
            async with self._connections.lend() as client:
                answer, date = await _post(client, self._url, body, self._largest)
        except TimeoutError:
            raise _unavailable("too many ask at once", NotSent) from None
        self.clock_skew = _skew(date, asked, time.time())
        return answer

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()


class AsgiTransport:
    """openBIS as an ASGI application in this process, spoken to through the same HTTP client."""

    address = "http://embedded.invalid"

    def __init__(self, app: AsgiApplication) -> None:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
        # Time-outs do not exist within a process; the lane's deadline still holds. Nor is there
        # anything to be won by compressing.
        self._client = httpx.AsyncClient(
            transport=transport, headers=HEADERS | {"Accept-Encoding": "identity"}
        )

    async def post(self, body: bytes) -> bytes:
        """Post into the application; see `OpenbisTransport.post`."""
        answer, _ = await _post(self._client, f"{self.address}/{API_PATH}", body, LARGEST)
        return answer

    async def aclose(self) -> None:
        """Close the client; the application is its maker's."""
        await self._client.aclose()


def tls(address: str, ca_file: Path | None, *, verify: bool = True) -> ssl.SSLContext | bool:
    """What an HTTPS client trusts; the system's own certificates unless others are given.

    Raises:
        ValueError: the file cannot be read or holds no certificate.
    """
    if not address.startswith("https:"):
        return False
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise ValueError(
            f"The CA file {ca_file} cannot be read as certificates in PEM format."
        ) from None
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _post(
    client: httpx.AsyncClient, url: str, body: bytes, largest: int
) -> tuple[bytes, str | None]:
    """The answer's body and date."""
    # `from None` throughout: the client's own errors hold the request, and so the token.
    try:
        async with client.stream("POST", url, content=body) as response:
            answer = await _read(response, largest)
    except (httpx.ReadTimeout, httpx.WriteTimeout):
        raise TimedOut(
            Source.OPENBIS, "openBIS did not answer in time; ask for less, or later."
        ) from None
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        untrusted = certificate_fault(error) is not None
        why = "its certificate is not trusted" if untrusted else "no connection could be opened"
        raise _unavailable(why, NotSent) from None
    except httpx.DecodingError:
        raise _unreadable("its answer cannot be decompressed") from None
    except (httpx.HTTPError, ConnectionError, ssl.SSLError):
        raise _unavailable("the connection broke") from None
    except InvalidRequest:
        raise
    except Exception as error:  # only an embedded application raises through here
        raise _unavailable("the embedded server failed") from error
    _judge(response.status_code, answer)
    return answer, response.headers.get("date")


async def _read(response: httpx.Response, largest: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > largest:
            raise InvalidRequest(
                Source.OPENBIS,
                f"openBIS' answer is larger than {largest // MEGABYTE} MB; ask for fewer at once.",
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _judge(status: int, answer: bytes) -> None:
    if status == httpx.codes.OK or _is_rpc_error(answer):
        return
    if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in OVERLOADED:
        raise _unavailable(f"it answered with HTTP status {status}")
    raise _unreadable(f"HTTP status {status}")


def _is_rpc_error(answer: bytes) -> bool:
    """Whether a non-200 answer is openBIS refusing the request, with an envelope to be read.

    openBIS sends 404 for an unknown method, 500 for parameters that do not convert and 400 for an
    invalid request, each with one of JSON-RPC's own negative codes. A plain 500 is an outage.
    """
    try:
        envelope: Any = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return False
    error = envelope.get("error") if isinstance(envelope, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return isinstance(code, int) and code < 0


def certificate_fault(error: BaseException) -> ssl.SSLCertVerificationError | None:
    """The refusal of a certificate that an error was caused by, if it was."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def _skew(date: str | None, asked: float, answered: float) -> float | None:
    """Seconds that the server's clock is ahead of ours; its date has no fractions."""
    try:
        said = parsedate_to_datetime(date or "").timestamp() + 0.5
    except ValueError:
        return None
    return said - (asked + answered) / 2


def _unavailable(why: str, kind: type[Unavailable] = Unavailable) -> Unavailable:
    return kind(Source.OPENBIS, f"openBIS is not reachable ({why}); try again soon.")


def _unreadable(why: str) -> ProtocolError:
    return ProtocolError(
        Source.OPENBIS, f"What answers at the openBIS address is no openBIS ({why}); tell support."
    )
