"""Where an openBIS is: which addresses are allowed, and what stands below them.

A prefix before `/openbis` is kept, for servers behind a proxy. Plain HTTP carries passwords and
sessions in the clear, and so is allowed to this machine only, unless the operator says otherwise.
Used by the transports, the session and the doctor.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

API_PATH = "openbis/openbis/rmi-application-server-v3.json"


def base_address(url: str, *, allow_http: bool = False) -> str:
    """An address in its one spelling: without a slash at its end, any prefix kept.

    Raises:
        ValueError: it is none, or it is plain HTTP to another machine; says what to change.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is no number
    except ValueError:
        raise ValueError(_SHAPE) from None
    odd = parts.query or parts.fragment or parts.username or parts.password
    if parts.scheme not in {"http", "https"} or not parts.hostname or odd:
        raise ValueError(_SHAPE)
    if parts.scheme == "http" and not allow_http and not is_loopback(url):
        raise ValueError(_PLAIN)
    return url.rstrip("/")


def api_url(base_url: str, *, allow_http: bool = False) -> str:
    """The address of the JSON-RPC service below a base address."""
    return f"{base_address(base_url, allow_http=allow_http)}/{API_PATH}"


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


_SHAPE = "The openBIS address must be http(s)://host[:port][/prefix], without user or query."
_PLAIN = (
    "The openBIS address must be https: plain http would send passwords in the clear. For a "
    "network that is safe by itself, set OMNIBIS_OPENBIS_ALLOW_HTTP=true."
)
