"""`omnibis doctor`: runs the checks of openBIS and OMERO with the settings, and shows the findings.

The checks are in `backends/openbis/doctor.py` and `backends/omero/doctor.py`; here are the
credentials, which come from the command line's user and the environment, and the two ways of
showing findings. No secret is shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Final

import orjson
from pydantic import SecretStr

from api.production import omero_address, openbis_transport
from api.settings import Settings
from backends.findings import Finding, State
from backends.omero.doctor import OmeroCredentials, examine_omero
from backends.openbis.doctor import Credentials, examine

# pybis' users know these names; they are not settings of the server, and so have no prefix of ours.
PASSWORD: Final = "OPENBIS_PASSWORD"  # noqa: S105 - the name of a variable
# OMERO's password where it is another one, or a session instead of a user.
OMERO_PASSWORD: Final = "OMERO_PASSWORD"  # noqa: S105 - idem
OMERO_SESSION: Final = "OMERO_SESSION"
TOKEN: Final = "OPENBIS_TOKEN"  # noqa: S105 - idem
MARKS: Final = {
    State.OK: "ok      ",
    State.WARNING: "warning ",
    State.PROBLEM: "PROBLEM ",
    State.SKIPPED: "skipped ",
}


def credentials(
    user: str | None, environment: Mapping[str, str], ask: Callable[[], str]
) -> Credentials | None:
    """Whose eyes to look with: a user, else a token of the environment, else nobody's."""
    if user is not None:
        password = environment.get(PASSWORD) or ask()
        return Credentials(user=user, password=SecretStr(password))
    token = environment.get(TOKEN)
    return Credentials(token=SecretStr(token)) if token else None


def omero_credentials(
    viewer: Credentials | None, environment: Mapping[str, str]
) -> OmeroCredentials | None:
    """Whose eyes to look at OMERO with: the same user, else a session of the environment."""
    if viewer is not None and viewer.user is not None:
        own = environment.get(OMERO_PASSWORD)
        return OmeroCredentials(viewer.user, SecretStr(own) if own else viewer.password)
    session = environment.get(OMERO_SESSION)
    return OmeroCredentials(session=SecretStr(session)) if session else None


def look(
    settings: Settings, viewer: Credentials | None, omero_viewer: OmeroCredentials | None = None
) -> list[Finding]:
    """Make all checks; OMERO's where the settings name one.

    Raises:
        SettingsError: the settings name nothing that could be looked at.
    """

    async def run() -> list[Finding]:
        findings: list[Finding] = []
        if settings.openbis_url is not None or settings.omero_host is None:
            transport = openbis_transport(settings)
            try:
                findings += await examine(transport, viewer)
            finally:
                await transport.aclose()
        if settings.omero_host is not None:
            findings += await examine_omero(*omero_address(settings), omero_viewer)
        return findings

    return asyncio.run(run())


def is_bad(findings: Sequence[Finding]) -> bool:
    """Whether something must be changed."""
    return any(finding.state is State.PROBLEM for finding in findings)


def as_text(findings: Sequence[Finding]) -> str:
    """One line per finding, and its advice below it."""
    width = max(len(finding.check) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{MARKS[finding.state]} {finding.check:{width}}  {finding.found}")
        if finding.advice is not None:
            lines.append(f"{'':9}{'':{width}}  {finding.advice}")
    problems = sum(finding.state is State.PROBLEM for finding in findings)
    warnings = sum(finding.state is State.WARNING for finding in findings)
    lines += ["", f"Problems: {problems}, warnings: {warnings}."]
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    """The same for programs."""
    body = {"ok": not is_bad(findings), "findings": [asdict(finding) for finding in findings]}
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
