"""Where an OMERO server is and how it is to be spoken to; checked, but nothing is opened here.

An address is a host name, then TLS is spoken to Glacier2's port, or a URL `ssl://`, `wss://`,
`tcp://` or `ws://`. The latter two are not encrypted: passwords go over them, so they are taken
only for this machine or when that is asked for. Nothing of Ice is imported, so that `omnibis serve`
can say what is wrong before it needs Ice.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_URL: Final = re.compile(
    r"(?:(?P<protocol>[A-Za-z]+)://)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[A-Za-z0-9._~/-]*)?"
)
_PORTS: Final = {"ssl": 4064, "tcp": 4063, "wss": 443, "ws": 80}
_ENCRYPTED: Final = frozenset({"ssl", "wss"})
_WEB: Final = frozenset({"ws", "wss"})
_LARGEST_PORT: Final = 65_535


class AddressError(ValueError):
    """The address or the certificates are of no use; the message says why, and what to write."""


@dataclass(frozen=True, slots=True)
class OmeroAddress:
    """One OMERO server.

    Args:
        protocol: `ssl`, `wss`, `tcp` or `ws`.
        host: a name or an IP address.
        port: the port of Glacier2, or of the web server before it.
        path: the path of a web socket.
    """

    protocol: str
    host: str
    port: int
    path: str = ""

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self.protocol in _ENCRYPTED

    @property
    def router(self) -> str:
        """The router as Ice writes proxies."""
        path = f" -r {self.path}" if self.path else ""
        return f'OMERO.Glacier2/router:{self.protocol} -h "{self.host}" -p {self.port}{path}'

    @staticmethod
    def parse(text: str, port: int | None = None, *, allow_plain: bool = False) -> OmeroAddress:
        """Read `host`, `host:port` or `protocol://host[:port][/path]`.

        Args:
            text: the address.
            port: the port, if the address has none of its own.
            allow_plain: whether another machine may be spoken to without TLS.

        Raises:
            AddressError: it is none, or it would send passwords unencrypted over a network.
        """
        found = _URL.fullmatch(text.strip())
        if found is None:
            raise AddressError(
                "The address of OMERO is a host name, or ssl://host:4064, wss://host/path, "
                "tcp://host:4063 or ws://host:4065."
            )
        protocol = (found["protocol"] or "ssl").lower()
        if protocol not in _PORTS:
            raise AddressError("The address of OMERO begins with ssl://, wss://, tcp:// or ws://.")
        if found["path"] and protocol not in _WEB:
            raise AddressError("Only a wss:// or ws:// address of OMERO can have a path.")
        number = int(found["port"]) if found["port"] else port or _PORTS[protocol]
        if not 0 < number <= _LARGEST_PORT:
            raise AddressError("The port of OMERO is a number from 1 to 65535.")
        address = OmeroAddress(protocol, found["host"].strip("[]"), number, found["path"] or "")
        if not (address.is_encrypted or allow_plain or _is_loopback(address.host)):
            raise AddressError(
                f"{protocol}:// would send passwords unencrypted; use "
                f"{'wss' if protocol in _WEB else 'ssl'}://."
            )
        return address


@dataclass(frozen=True, slots=True)
class IceOptions:
    """How the server is spoken to.

    Args:
        verify: whether the server's certificate is checked, and that it is for this host.
        ca_file: certificates to trust, in PEM; the system's if there is none.
        connect_timeout: seconds to open a connection.
        invocation_timeout: seconds that one call may take.
        keep_alive: seconds between two signs of life of each session; a server forgets sessions
            after ten minutes.
        linger: seconds without a call of the viewer's after which his connection is given up. The
            session stays, until the server finds that it was idle for too long.
        separate: give each viewer a client of his own (`omero.client`, four threads each) rather
            than share one: for servers that do not get on with the latter.
        in_flight: calls under way at most on one connection.
        seats: connections at most; beyond that, the one not used for longest is given up.
        message_kilobytes: the largest answer that is read; as much as OMERO's own client takes.
    """

    verify: bool = True
    ca_file: Path | None = None
    connect_timeout: float = 5.0
    invocation_timeout: float = 30.0
    keep_alive: float = 240.0
    linger: float = 3600.0
    separate: bool = False
    in_flight: int = 16
    seats: int = 400
    message_kilobytes: int = 250_000


def ice_properties(address: OmeroAddress, options: IceOptions) -> dict[str, str]:
    """Ice's settings for one server.

    Raises:
        AddressError: the file of certificates cannot be read.
    """
    properties = {
        "Ice.Plugin.IceSSL": "IceSSL:createIceSSL",
        "Ice.MessageSizeMax": str(options.message_kilobytes),
        "Ice.CacheMessageBuffers": "0",
        "Ice.RetryIntervals": "-1",  # what is repeated is decided here, not there
        "Ice.Default.InvocationTimeout": str(int(options.invocation_timeout * 1000)),
        "Ice.Override.ConnectTimeout": str(int(options.connect_timeout * 1000)),
        "Ice.Default.EndpointSelection": "Ordered",
        # A connection is given up by us, not because nobody asked for a minute; and Ice's monitor
        # would remember each one for that long, 4 kB apiece.
        "Ice.ACM.Client.Timeout": "0",
        "Ice.ThreadPool.Client.SizeMax": "4",
        "Ice.Warn.Connections": "0",
        "Ice.Warn.AMICallback": "0",
        "IceSSL.VerifyDepthMax": "6",
    }
    if not address.is_encrypted:
        return properties
    if not options.verify:
        return {**properties, "IceSSL.VerifyPeer": "0"}
    properties |= {"IceSSL.VerifyPeer": "2", "IceSSL.CheckCertName": "1"}
    if options.ca_file is None:
        return {**properties, "IceSSL.UsePlatformCAs": "1"}
    try:
        ssl.create_default_context(cafile=str(options.ca_file))
    except (OSError, ssl.SSLError):
        raise AddressError(
            "The file of certificates to trust for OMERO cannot be read, or holds none in PEM."
        ) from None
    return {**properties, "IceSSL.CAs": str(options.ca_file.resolve())}


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
