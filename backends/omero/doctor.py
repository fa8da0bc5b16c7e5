"""Looks at one OMERO from outside and says in plain words what to change.

Each check makes one finding; a check that builds on another is not made when that one failed.
Nothing is written but a session, which is ended again. The command line (`api/doctor.py`) shows
the findings; no secret, and no text of the server, is in any of them.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from backends.errors import BackendError, Source
from backends.findings import Finding, State
from backends.lane import Call, Lane
from backends.omero.client import OmeroClient
from backends.omero.connect import IceMissing, ice_transport
from backends.omero.ice_address import AddressError, IceOptions, OmeroAddress

OLDEST: Final = (5, 6)  # omero-py speaks with no older one
PATIENCE: Final = 20.0  # seconds for each question
USER_GROUP: Final = "user"  # everybody is in it, and it holds no images
SHOWN: Final = 5
_ANONYMOUS: Final = (
    "Run `omero certificates` on the server and restart it: without a certificate it offers only "
    "anonymous ciphers, which this machine's OpenSSL refuses. Or check that the port is the one "
    "for TLS (4064)."
)
_MEMBER: Final = "Ask an OMERO administrator to make the account a member of a group with images."


@dataclass(frozen=True, slots=True)
class OmeroCredentials:
    """User and password, or the uuid of a session, which is left open."""

    user: str | None = None
    password: SecretStr | None = None
    session: SecretStr | None = None


async def examine_omero(
    address: OmeroAddress,
    options: IceOptions,
    credentials: OmeroCredentials | None,
) -> list[Finding]:
    """Make all checks, in the order in which things must work.

    Args:
        address: the server.
        options: how it is spoken to.
        credentials: whose eyes to look with; without them only the outside is seen.
    """
    findings = [_address(address, options)]
    try:
        transport = ice_transport(address, options)
    except AddressError as error:
        advice = "OMNIBIS_OMERO_CA_FILE has to name it."
        return [*findings, Finding("OMERO certificates", State.PROBLEM, str(error), advice)]
    except IceMissing as error:
        found, _, advice = str(error).partition(": ")
        advice = advice[:1].upper() + advice[1:]
        return [*findings, Finding("OMERO library", State.PROBLEM, f"{found}.", advice)]
    client = OmeroClient(transport, Lane(Source.OMERO, timeout=PATIENCE, threshold=1000))
    try:
        findings += await _reach(address, options)
        if findings[-1].state is State.PROBLEM:
            findings.append(_skipped("As long as OMERO is not reached, nothing behind it can be"))
        elif credentials is None:
            findings.append(_skipped("No OMERO user was given, so that only the outside is"))
        else:
            findings += await _inside(client, credentials)
    finally:
        await client.aclose()
    return findings


# --- From outside -------------------------------------------------------------------------------


def _address(address: OmeroAddress, options: IceOptions) -> Finding:
    where = f"{address.protocol}://{address.host}:{address.port}{address.path}"
    if not address.is_encrypted:
        return Finding(
            "OMERO address",
            State.WARNING,
            f"{where} is not encrypted: passwords and sessions can be read on the way.",
            "Use ssl:// (port 4064) or wss://, unless OMERO runs on this machine.",
        )
    if not options.verify:
        return Finding(
            "OMERO address",
            State.WARNING,
            f"{where}, whose certificate is not checked: anybody on the way can pose as OMERO.",
            "Name the certificate in OMNIBIS_OMERO_CA_FILE instead of OMNIBIS_OMERO_VERIFY=false.",
        )
    return Finding("OMERO address", State.OK, where)


async def _reach(address: OmeroAddress, options: IceOptions) -> list[Finding]:
    """Whether the port answers, and how it proves who it is."""
    context = _context(options) if address.is_encrypted else None
    try:
        await _connect(address, None)
    except socket.gaierror:
        return [_unreached("This name is not known here.", "Check the host name, and this DNS.")]
    except TimeoutError:
        return [_unreached("Nobody answers.", "Check port and firewall.")]
    except OSError:
        return [_unreached("The port is closed.", "Is OMERO running, and is that its port?")]
    findings = [Finding("OMERO connection", State.OK, "The port is open.")]
    if context is not None:
        findings.append(await _tls(address, context, options))
    return findings


async def _tls(address: OmeroAddress, context: ssl.SSLContext, options: IceOptions) -> Finding:
    try:
        version = await _connect(address, context)
    except ssl.SSLCertVerificationError as error:
        return Finding(
            "OMERO TLS",
            State.PROBLEM,
            f"The certificate is not trusted: {error.verify_message}.",
            "Put the certificate, or its authority's, into a file that OMNIBIS_OMERO_CA_FILE "
            "names; it must be made out for this host.",
        )
    except (OSError, TimeoutError):
        return Finding("OMERO TLS", State.PROBLEM, "No TLS could be agreed on.", _ANONYMOUS)
    checked = "the certificate is trusted" if options.verify else "the certificate is not checked"
    return Finding("OMERO TLS", State.OK, f"{version}; {checked}.")


async def _connect(address: OmeroAddress, context: ssl.SSLContext | None) -> str:
    """Open a connection and close it; return the version of TLS."""
    async with asyncio.timeout(PATIENCE):
        _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    try:
        spoken = writer.get_extra_info("ssl_object")
        return "" if spoken is None else str(spoken.version())
    finally:
        writer.transport.abort()  # nobody is owed a farewell


def _context(options: IceOptions) -> ssl.SSLContext:
    context = ssl.create_default_context(
        cafile=None if options.ca_file is None else str(options.ca_file)
    )
    if not options.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _unreached(found: str, advice: str) -> Finding:
    return Finding("OMERO connection", State.PROBLEM, found, advice)


# --- From inside --------------------------------------------------------------------------------


async def _inside(client: OmeroClient, credentials: OmeroCredentials) -> list[Finding]:
    findings: list[Finding] = []
    opened: SecretStr | None = None
    session = credentials.session
    try:
        try:
            if session is None:
                user, password = credentials.user or "", credentials.password or SecretStr("")
                session = opened = await client.login(user, password, _call())
            who = await client.identity(session, _call())
        except BackendError as error:
            advice = (
                "Check user and password by logging in to OMERO.web."
                if credentials.session is None
                else "Log in again for a new session."
            )
            return [Finding("OMERO login", State.PROBLEM, error.message, advice)]
        role = "an administrator" if who.is_admin else "a user"
        findings.append(Finding("OMERO login", State.OK, f"Logged in as {who.user_name}, {role}."))
        findings.append(await _told("OMERO version", _version(client, session)))
        findings.append(await _told("OMERO groups", _groups(client, session, who.group_ids)))
        findings.append(await _told("OMERO images", _images(client, session)))
    finally:
        if opened is not None:
            try:
                await client.logout(opened, _call())
            except BackendError:
                findings.append(
                    Finding("OMERO logout", State.WARNING, "The session could not be ended.", None)
                )
    return findings


async def _told(check: str, work: Coroutine[None, None, Finding]) -> Finding:
    try:
        return await work
    except BackendError as error:
        return Finding(check, State.PROBLEM, error.message, "See OMERO's log.")


async def _version(client: OmeroClient, session: SecretStr) -> Finding:
    version = await client.version(session, _call())
    shown = version if version.replace(".", "").replace("-", "").isalnum() else "of unknown version"
    if _numbers(version) < OLDEST:
        return Finding(
            "OMERO version", State.PROBLEM, f"OMERO {shown}.", "Upgrade to OMERO 5.6 or newer."
        )
    return Finding("OMERO version", State.OK, f"OMERO {shown}.")


async def _groups(client: OmeroClient, session: SecretStr, ids: tuple[int, ...]) -> Finding:
    found = await client.groups(session, ids, _call())
    names = sorted(group.name for group in found.values() if group.name != USER_GROUP)
    if not names:
        return Finding("OMERO groups", State.WARNING, "This account is in no group.", _MEMBER)
    shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
    return Finding("OMERO groups", State.OK, f"Groups: {len(names)} ({shown}).")


async def _images(client: OmeroClient, session: SecretStr) -> Finding:
    projects = await client.count_image_projects(session, None, _call())
    images = await client.count_images(session, None, _call())
    told = f"Projects: {projects}; images: {images}."
    if images:
        return Finding("OMERO images", State.OK, told)
    return Finding("OMERO images", State.WARNING, told, _MEMBER)


def _skipped(why: str) -> Finding:
    return Finding("OMERO login", State.SKIPPED, f"{why} checked.")


def _call() -> Call:
    return Call(deadline=time.monotonic() + PATIENCE)


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")[:2]
    return tuple(int(part) if part.isdigit() else 0 for part in parts)
