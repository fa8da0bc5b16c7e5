"""Can a host be reached, and why not: name, connection, certificate, each told for itself.

The HTTP client says only that it got no connection; an operator has to know which of four things
to mend. Opens one connection and closes it; sends nothing. Used by `doctor.py`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from backends.openbis.transport import HttpTransport

PATIENCE = 10.0  # seconds for each step
SOON = 21  # days before a certificate's end that are worth a warning

Told = tuple[str, str | None]  # what was found, and what to do

# OpenSSL's reasons for refusing a certificate.
OVER, MISNAMED = 10, {62, 64}


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one gets: `tls` is None where there is none, or where it was not come to."""

    open: bool
    connection: Told
    tls: Told | None = None


async def reach(transport: HttpTransport) -> Reach:
    """Try name, connection and certificate of a transport's host, in this order."""
    parts = urlsplit(transport.address)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if transport.trust_env and getproxies().get(parts.scheme) and not proxy_bypass(host):
        return Reach(True, ("A proxy stands in between; the connection is the proxy's.", None))
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        return Reach(
            False,
            (
                f"The name {host} is not known here.",
                "Check its spelling, and that this machine may ask the institute's name server.",
            ),
        )
    try:
        writer = await _open(host, port, None)
    except (OSError, TimeoutError):
        return Reach(
            False,
            (
                f"Nobody answers at {host}, port {port}.",
                "Check the port (openBIS' own is 8443), whether openBIS runs, and firewalls.",
            ),
        )
    await _close(writer)
    connected: Told = (f"{host}, port {port}, can be connected to.", None)
    if isinstance(transport.tls, ssl.SSLContext):
        return await _secured(host, port, transport.tls, connected)
    return Reach(True, connected)


async def _secured(host: str, port: int, tls: ssl.SSLContext, connected: Told) -> Reach:
    try:
        writer = await _open(host, port, tls)
    except ssl.SSLCertVerificationError as error:
        return Reach(False, connected, _refused(error, host))
    except (OSError, TimeoutError):
        return Reach(
            False,
            connected,
            (
                "The server does not speak TLS there, or only a version that is too old.",
                "Check the port, and that the server offers TLS 1.2 or newer.",
            ),
        )
    certificate: Any = writer.get_extra_info("peercert")
    version = writer.get_extra_info("ssl_object").version()
    await _close(writer)
    return Reach(True, connected, _trusted(tls, certificate, version))


async def _open(host: str, port: int, tls: ssl.SSLContext | None) -> asyncio.StreamWriter:
    async with asyncio.timeout(PATIENCE):
        _, writer = await asyncio.open_connection(
            host, port, ssl=tls, server_hostname=host if tls else None
        )
        return writer


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        async with asyncio.timeout(1):
            await writer.wait_closed()
    except (OSError, TimeoutError):
        return


def _refused(error: ssl.SSLCertVerificationError, host: str) -> Told:
    if error.verify_code == OVER:
        return (
            "The server's certificate is over.",
            "Have it renewed; a machine whose clock is wrong sees the same.",
        )
    if error.verify_code in MISNAMED:
        return (
            f"The server's certificate is for another name than {host}.",
            "Use the name that the certificate is for, or have it made for this one.",
        )
    return (
        "The server's certificate comes from an issuer that is not trusted here.",
        "If it is the institute's own, name its certificate file: OMNIBIS_OPENBIS_CA_FILE.",
    )


def _trusted(tls: ssl.SSLContext, certificate: Any, version: str | None) -> Told:
    if tls.verify_mode is ssl.CERT_NONE:
        return (
            f"{version}, but the certificate is not checked: anybody could pose as openBIS.",
            "Leave OMNIBIS_OPENBIS_VERIFY on, and set OMNIBIS_OPENBIS_CA_FILE to the issuer's.",
        )
    end = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    days = (end - datetime.now(UTC)).days
    if days < SOON:
        return f"{version}; the certificate ends in {days} days.", "Have it renewed in time."
    return f"{version}; the certificate is trusted, until {end:%Y-%m-%d}.", None
