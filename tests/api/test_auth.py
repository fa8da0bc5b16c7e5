from __future__ import annotations

import base64
import logging
import time
from typing import Any

import pytest
from graphql import GraphQLError
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey
from pydantic import SecretStr

from api.auth import AnonymousViewer, Credentials, Nobody, TokenBox, Visitor
from api.door import Door
from backends.errors import SessionExpired, Source, TimedOut, Unavailable
from backends.lane import Call

KEY, OTHER = b"k" * 32, b"o" * 32
SESSIONS = Credentials("ada", SecretStr("ada-260101-openbis"), SecretStr("omero-uuid"))
BOX = TokenBox((KEY,), hours=8)
NOW = 1_700_000_000.0
TOKEN = BOX.issue_token(SESSIONS, now=NOW)


def code_of(token: str, box: TokenBox = BOX, now: float = NOW) -> str:
    with pytest.raises(GraphQLError) as refused:
        box.read_token(token, now=now)
    assert "log in again" in refused.value.message
    return str(refused.value.extensions["code"])


def test_a_token_gives_back_what_was_put_in() -> None:
    assert BOX.read_token(TOKEN, now=NOW) == SESSIONS
    partly = Credentials("ada", None, SecretStr("omero-uuid"))
    assert BOX.read_token(BOX.issue_token(partly)) == partly


def test_a_token_tells_nothing_without_the_key() -> None:
    opened = b"".join(base64.urlsafe_b64decode(part + "==") for part in TOKEN.split("."))
    for secret in (b"ada", b"openbis", b"omero", b"1700"):
        assert secret not in opened
    assert BOX.issue_token(SESSIONS, now=NOW) != TOKEN, "each has a nonce of its own"


@given(st.integers(0, len(TOKEN) * 8 - 1))
def test_a_token_with_any_flipped_bit_is_refused(bit: int) -> None:
    raw = bytearray(TOKEN, "ascii")
    raw[bit // 8] ^= 1 << (bit % 8)
    assert code_of(raw.decode("latin-1")) == "UNAUTHENTICATED"


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_a_token_with_any_other_character_is_refused(position: int, character: str) -> None:
    changed = TOKEN[:position] + character + TOKEN[position + 1 :]
    if changed != TOKEN:
        assert code_of(changed) == "UNAUTHENTICATED"


@given(st.text(max_size=400))
def test_what_is_no_token_is_refused(text: str) -> None:
    assert code_of(text) == "UNAUTHENTICATED"


@pytest.mark.parametrize("text", ["....", "a.b.c.d.e", TOKEN + "=", TOKEN + " ", TOKEN * 20, ""])
def test_what_looks_like_a_token_is_refused(text: str) -> None:
    assert code_of(text) == "UNAUTHENTICATED"


def test_an_expired_token_says_so() -> None:
    assert code_of(TOKEN, now=NOW + 8 * 3600) == "SESSION_EXPIRED"
    assert BOX.read_token(TOKEN, now=NOW + 8 * 3600 - 2).user == "ada"


def test_a_key_can_be_replaced() -> None:
    both = TokenBox((OTHER, KEY))
    assert both.read_token(TOKEN, now=NOW) == SESSIONS
    assert code_of(both.issue_token(SESSIONS)) == "UNAUTHENTICATED"


@pytest.mark.parametrize("payload", [b"null", b"[]", b"not json", b'{"exp": 9e12}', b""])
def test_a_token_that_is_not_ours_is_refused_even_with_the_key(payload: bytes) -> None:
    header = {"alg": "dir", "enc": "A256GCM"}
    key = OctKey.import_key(KEY)
    assert code_of(jwe.encrypt_compact(header, payload, key)) == "UNAUTHENTICATED"


def test_other_algorithms_are_refused() -> None:
    header = {"alg": "A256KW", "enc": "A256GCM"}
    token = jwe.encrypt_compact(header, b'{"aud": "omnibis"}', OctKey.import_key(KEY))
    assert code_of(token) == "UNAUTHENTICATED"


def test_no_secret_in_any_repr() -> None:
    anonymous = AnonymousViewer("steward", SecretStr("demo-password"), {})
    anonymous._sessions[Source.OMERO] = SecretStr("omero-uuid")
    shown = repr((SESSIONS, SESSIONS.viewer(), BOX, Door(BOX, anonymous), anonymous))
    for secret in ("openbis'", "260101", "uuid", "demo-password", "kkkk"):
        assert secret not in shown


def test_viewers_are_told_apart_without_their_sessions() -> None:
    keys = {
        Credentials("ada", openbis, omero).viewer().key
        for openbis in (None, SecretStr("a"), SecretStr("ab"))
        for omero in (None, SecretStr("b"), SecretStr(""))
    }
    assert len(keys) == 6, "an empty session and none are the same, all others differ"


async def test_the_door_reads_a_bearer_token() -> None:
    token = BOX.issue_token(SESSIONS)
    viewer = await Door(BOX).viewer(Visitor({"authorization": f"bearer  {token} "}), Call())
    assert (viewer.user, viewer.openbis, viewer.omero) == (
        "ada",
        SESSIONS.openbis,
        SESSIONS.omero,
    )
    assert viewer.key == SESSIONS.viewer().key


async def test_the_door_takes_the_backends_own_sessions() -> None:
    viewer = await Door(BOX).viewer(Visitor({"x-openbis-token": "t-1"}), Call())
    assert (viewer.user, viewer.openbis, viewer.omero) == (None, SecretStr("t-1"), None)
    viewer = await Door(BOX).viewer(
        Visitor({"x-openbis-token": "t", "x-omero-session": "u"}), Call()
    )
    assert (viewer.openbis, viewer.omero) == (SecretStr("t"), SecretStr("u"))


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Basic YTpi"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer  "},
        {"authorization": ""},
        {"authorization": "Bearer nonsense"},
        {"authorization": f"Bearer {TOKEN}", "x-omero-session": "u"},
        {"x-omero-session": ""},
        {"x-openbis-token": "a\x00b"},
        {"x-openbis-token": "ü"},
        {"x-openbis-token": "x" * 600},
    ],
)
async def test_the_door_refuses_what_cannot_be_used(headers: dict[str, str]) -> None:
    with pytest.raises(GraphQLError) as refused:
        await Door(BOX).viewer(Visitor(headers), Call())
    assert refused.value.extensions["code"] in {"UNAUTHENTICATED", "SESSION_EXPIRED"}
    assert TOKEN not in refused.value.message


async def test_nobody_has_no_sessions() -> None:
    viewer = await Door(BOX, Nobody()).viewer(Visitor({}), Call())
    assert (viewer.key, viewer.user, viewer.openbis, viewer.omero) == (
        "anonymous",
        None,
        None,
        None,
    )


class Desk:
    """A backend's login, as the clients have it."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.down = False
        self.given = 0

    async def login(self, user: str, password: SecretStr, call: Call) -> SecretStr:
        call.meter.count(self.source, "login", 0.0)
        if self.down:
            raise Unavailable(self.source, "It is not reachable; try again soon.")
        assert (user, password.get_secret_value()) == ("steward", "demo")
        self.given += 1
        return SecretStr(f"{self.source}-{self.given}")


@pytest.fixture
def desks() -> dict[Source, Desk]:
    return {source: Desk(source) for source in (Source.OPENBIS, Source.OMERO)}


def door(desks: dict[Source, Desk]) -> Door:
    logins: Any = desks
    return Door(BOX, AnonymousViewer("steward", SecretStr("demo"), logins))


async def test_the_demo_logs_in_once_and_not_on_the_requests_account(
    desks: dict[Source, Desk],
) -> None:
    entrance = door(desks)
    call = Call()
    first = await entrance.viewer(Visitor({}), call)
    second = await entrance.viewer(Visitor({}), call)
    assert first == second
    assert (first.user, first.openbis) == ("steward", SecretStr("OPENBIS-1"))
    assert [desk.given for desk in desks.values()] == [1, 1]
    assert call.meter.calls == {}


async def test_the_demo_logs_in_later_where_a_backend_was_down(desks: dict[Source, Desk]) -> None:
    entrance = door(desks)
    desks[Source.OMERO].down = True
    viewer = await entrance.viewer(Visitor({}), Call())
    assert viewer.openbis == SecretStr("OPENBIS-1")
    assert viewer.omero is None
    with pytest.raises(Unavailable, match="not reachable"):
        raise viewer.without(Source.OMERO)
    desks[Source.OMERO].down = False
    again = await entrance.viewer(Visitor({}), Call())
    assert (again.omero, again.unopened) == (SecretStr("OMERO-1"), {})
    assert desks[Source.OPENBIS].given == 1


async def test_a_login_that_hangs_has_a_deadline_of_its_own(desks: dict[Source, Desk]) -> None:
    given: list[float | None] = []

    class Slow(Desk):
        async def login(self, user: str, password: SecretStr, call: Call) -> SecretStr:
            del user, password
            given.append(call.deadline)
            raise TimedOut(self.source, "It did not answer in time.")

    desks[Source.OMERO] = Slow(Source.OMERO)
    now = time.monotonic()
    await door(desks).viewer(Visitor({}), Call(deadline=now + 60))
    await door(desks).viewer(Visitor({}), Call(deadline=now + 1))
    await door(desks).viewer(Visitor({}), Call())
    assert [round(deadline - now) for deadline in given if deadline] == [3, 1, 3]


async def test_a_session_that_another_request_forgets_meanwhile_is_not_missed(
    desks: dict[Source, Desk],
) -> None:
    entrance = door(desks)
    desks[Source.OMERO].down = True
    await entrance.viewer(Visitor({}), Call())

    class Busy(Desk):
        async def login(self, user: str, password: SecretStr, call: Call) -> SecretStr:
            entrance.nobody.forget(Source.OPENBIS)
            return await super().login(user, password, call)

    desks[Source.OMERO] = Busy(Source.OMERO)
    viewer = await entrance.viewer(Visitor({}), Call())
    assert viewer.openbis == SecretStr("OPENBIS-1"), "its end is told by openBIS, and it is renewed"


async def test_the_demo_renews_what_expired(
    desks: dict[Source, Desk], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    entrance = door(desks)
    viewer = await entrance.viewer(Visitor({}), Call())
    expired = {Source.OMERO: SessionExpired(Source.OMERO, "Log in again.")}
    assert entrance.renew(viewer, expired)
    renewed = await entrance.viewer(Visitor({}), Call())
    assert (renewed.openbis, renewed.omero) == (viewer.openbis, SecretStr("OMERO-2"))
    assert not entrance.renew(renewed, {Source.OMERO: Unavailable(Source.OMERO, "Down.")})
    assert not entrance.renew(SESSIONS.viewer(), expired), "a client's own session is its own"
    assert "OMERO-" not in caplog.text
