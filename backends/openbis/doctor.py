"""Looks at one openBIS from outside and says in plain words what to change.

Each check makes one finding: what was seen, and what to do about it. A check that builds on another
is skipped when that one failed. Nothing is written but sessions, which are ended again. The command
line (`api/doctor.py`) shows the findings; no secret, and no text of the server, is in any of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from backends.errors import (
    AccessDenied,
    BackendError,
    ProtocolError,
    SessionExpired,
    Source,
)
from backends.filters import PageRequest, Sort
from backends.findings import Finding, State
from backends.lane import Call, Lane
from backends.openbis.account import OpenbisServer, is_personal_access_token
from backends.openbis.address import is_loopback
from backends.openbis.client import Count, OpenbisClient, Search
from backends.openbis.operations import Operation
from backends.openbis.reachability import Reach, reach
from backends.openbis.transport import HttpTransport
from backends.openbis.wire import Wire
from backends.records import Kind

SKEW = 30.0  # seconds that two clocks may differ without harm
OLDEST = (3, 5)  # of the v3 interface; 3.5 came with openBIS 20.10
PATIENCE = 20.0  # seconds for each question
MANY = 1000  # spaces that are listed


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password, or a token: a session's or a personal access token."""

    user: str | None = None
    password: SecretStr | None = None
    token: SecretStr | None = None


async def examine(transport: HttpTransport, credentials: Credentials | None) -> list[Finding]:
    """Make all checks, in the order in which things must work.

    Args:
        transport: the way to the openBIS; stays open.
        credentials: whose eyes to look with; without them only the outside is seen.
    """
    examination = _Examination(transport)
    if not await examination.outside():
        examination.skip("login", "As long as openBIS is not reached, nothing behind it can be")
    elif credentials is None:
        examination.skip("login", "No user and no token were given, so that only the outside is")
    else:
        await examination.inside(credentials)
    return examination.findings


class _Examination:
    """One round of checks; keeps the findings."""

    def __init__(self, transport: HttpTransport) -> None:
        self.findings: list[Finding] = []
        self._transport = transport
        # Each question is to be answered for itself: the breaker stays out of it.
        lane = Lane(Source.OPENBIS, timeout=PATIENCE, threshold=1000)
        self._wire = Wire(transport, lane)
        self._client = OpenbisClient(transport, lane)

    def say(self, check: str, state: State, found: str, advice: str | None = None) -> None:
        """Add a finding."""
        self.findings.append(Finding(check, state, found, advice))

    def skip(self, check: str, why: str) -> None:
        """Add a check that was not made."""
        self.say(check, State.SKIPPED, f"{why} checked.")

    # --- from outside ---------------------------------------------------------------------------

    async def outside(self) -> bool:
        """Whether there is an openBIS to be asked."""
        address = self._transport.address
        if address.startswith("http:") and not is_loopback(address):
            self.say(
                "address",
                State.WARNING,
                f"{address} is plain http: passwords and sessions can be read on the way.",
                "Put openBIS behind https, and give that address.",
            )
        else:
            self.say("address", State.OK, f"{address}")
        reached = await reach(self._transport)
        self._tell_reach(reached)
        return reached.open and await self._service()

    def _tell_reach(self, reached: Reach) -> None:
        bad = State.OK if reached.open else State.PROBLEM
        self.say("connection", bad if reached.tls is None else State.OK, *reached.connection)
        if reached.tls is not None:
            warned = State.WARNING if reached.tls[1] is not None else State.OK
            self.say("TLS", warned if reached.open else State.PROBLEM, *reached.tls)

    async def _service(self) -> bool:
        try:
            await self._wire.call("getServerPublicInformation", [], _call())
        except ProtocolError:
            self.say(
                "service",
                State.PROBLEM,
                "Something answers there, but it is not openBIS.",
                "Check host and port. Behind a proxy the address may need a prefix: it is the part "
                "before /openbis of the address that a browser shows.",
            )
            return False
        except BackendError as error:
            self.say("service", State.PROBLEM, error.message, "Is openBIS running? See its log.")
            return False
        self.say("service", State.OK, "The v3 interface answers.")
        self._clock()
        return True

    def _clock(self) -> None:
        skew = self._transport.clock_skew
        if skew is None:
            self.skip("clock", "openBIS sends no date, so that its clock cannot be")
        elif abs(skew) > SKEW:
            later = "ahead of" if skew > 0 else "behind"
            self.say(
                "clock",
                State.WARNING,
                f"openBIS' clock is {abs(skew):.0f} seconds {later} this machine's.",
                "Let both machines follow a time server; the validity of tokens and searches by "
                "date depend on it.",
            )
        else:
            self.say("clock", State.OK, "Both clocks agree.")

    # --- from inside ----------------------------------------------------------------------------

    async def inside(self, credentials: Credentials) -> None:
        """Look with a viewer's eyes, and leave no session behind."""
        opened: list[SecretStr] = []
        try:
            token = await self._log_in(credentials, opened)
            if token is None:
                return
            server = await self._version(token)
            await self._rights(token)
            await self._session_limit(credentials, opened)
            await self._tokens(opened[-1] if opened else token, server)
        finally:
            for each in opened:
                try:
                    await self._client.logout(each, _call())
                except BackendError:
                    continue  # it ends by itself

    async def _log_in(self, credentials: Credentials, opened: list[SecretStr]) -> SecretStr | None:
        token = credentials.token
        try:
            if token is None:
                user, password = credentials.user or "", credentials.password or SecretStr("")
                token = await self._client.login(user, password, _call())
                opened.append(token)
            who = await self._client.identity(token, _call())
        except BackendError as error:
            advice = (
                "Check user and password by logging in with a browser; a locked or deactivated "
                "account must be released by an administrator."
                if credentials.token is None
                else "Log in again for a new session, or make a new personal access token."
            )
            self.say("login", State.PROBLEM, error.message, advice)
            return None
        kind = "a personal access token" if who.personal_access_token else "a session"
        self.say("login", State.OK, f"Logged in as {who.user_id}, with {kind}.")
        return token

    async def _version(self, token: SecretStr) -> OpenbisServer | None:
        try:
            server = await self._client.server(token, _call())
        except BackendError as error:
            self.say("version", State.PROBLEM, error.message, "Is it openBIS 20.10 or newer?")
            return None
        told = (
            f"openBIS {server.version or 'of unknown version'}, v3 interface {server.api_version}"
        )
        if _numbers(server.api_version) < OLDEST:
            self.say("version", State.PROBLEM, f"{told}.", "Upgrade to openBIS 20.10 or newer.")
        else:
            self.say("version", State.OK, f"{told}.")
        self.say(
            "project samples",
            State.OK,
            "A sample can belong to a project directly; identifiers are /SPACE/PROJECT/CODE."
            if server.project_samples_enabled
            else "Samples belong to a space; their project is that of their experiment.",
        )
        return server

    async def _rights(self, token: SecretStr) -> None:
        page = PageRequest(MANY, Sort("code"))
        questions: list[Operation] = [
            Search(Kind.SPACE, None, page),
            Count(Kind.PROJECT),
            Count(Kind.SAMPLE),
        ]
        try:
            spaces, projects, samples = await self._client.execute(token, questions, _call())
        except AccessDenied:
            self.say("rights", State.PROBLEM, "This account has no role in openBIS.", _ROLE)
        except BackendError as error:
            self.say("rights", State.PROBLEM, error.message, "See openBIS' log.")
        else:
            codes = [space.code for space in spaces.items]
            if not codes:
                self.say("rights", State.PROBLEM, "This account sees no space.", _ROLE)
                return
            shown = ", ".join(codes[:5]) + (", …" if len(codes) > len(codes[:5]) else "")
            told = f"Spaces: {len(codes)} ({shown}); projects: {projects}; samples: {samples}."
            if samples:
                self.say("rights", State.OK, told)
            else:
                self.say("rights", State.WARNING, told, _ROLE)

    async def _session_limit(self, credentials: Credentials, opened: list[SecretStr]) -> None:
        if not opened or credentials.user is None or credentials.password is None:
            self.skip("sessions", "With a token, the number of sessions allowed cannot be")
            return
        try:
            second = await self._client.login(credentials.user, credentials.password, _call())
            opened.append(second)
            await self._client.identity(opened[0], _call())
        except SessionExpired:
            self.say(
                "sessions",
                State.WARNING,
                "A second login ended the first session: openBIS allows one session per user.",
                "Set max-number-of-sessions-per-user = 0 in openBIS' service.properties; else "
                "users lose their browser's session when they log in here. Or use personal access "
                "tokens.",
            )
        except BackendError as error:
            self.say("sessions", State.WARNING, error.message, "Try again.")
        else:
            self.say("sessions", State.OK, "A user may have several sessions at a time.")

    async def _tokens(self, token: SecretStr, server: OpenbisServer | None) -> None:
        if is_personal_access_token(token):
            await self._validity(token, server)
        elif server is None:
            self.skip("tokens", "Without its version, whether it has access tokens cannot be")
        elif server.personal_access_tokens_enabled:
            longest = server.token_validity
            told = "" if longest is None else f", for {longest.days} days at most"
            self.say("tokens", State.OK, f"Programs can have personal access tokens{told}.")
        else:
            self.say(
                "tokens",
                State.WARNING,
                "Personal access tokens are off: programs need a user's password.",
                "Set personal-access-tokens-enabled = true in openBIS' service.properties.",
            )

    async def _validity(self, token: SecretStr, server: OpenbisServer | None) -> None:
        warning = (server.token_warning if server else None) or timedelta(days=5)
        try:
            told = await self._client.describe_token(token, _call())
        except BackendError:
            self.skip("tokens", "openBIS does not tell a token its own end, which so cannot be")
            return
        day = f"{told.valid_to:%Y-%m-%d %H:%M} UTC"
        if told.ends_within(warning, datetime.now(UTC)):
            self.say(
                "tokens",
                State.WARNING,
                f"This personal access token ends on {day}.",
                "Make a new one now, and put it where this one is used.",
            )
        else:
            self.say("tokens", State.OK, f"This personal access token is good until {day}.")


_ROLE = (
    "Ask an openBIS administrator for a role: OBSERVER of the spaces to be read, USER of those to "
    "be written."
)


def _call() -> Call:
    return Call(deadline=time.monotonic() + PATIENCE)


def _numbers(version: str | None) -> tuple[int, ...]:
    parts = (version or "").split(".")[:2]
    return tuple(int(part) if part.isdigit() else 0 for part in parts)
