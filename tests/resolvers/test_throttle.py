from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from typing import Any

import pytest

from backends.demo.faults import Faults, Misbehaviour
from backends.demo.study import build_world
from backends.demo.world import World
from resolvers.errors import LimitExceeded
from resolvers.throttle import Throttle
from tests.house import House, open_house

LOGIN = """mutation ($u: String!, $p: String!) {
    login(username: $u, password: $p) { token } }"""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_failures_of_a_user_are_counted_for_a_while() -> None:
    clock = Clock()
    throttle = Throttle(2, 100, window=60, clock=clock)
    for _ in range(2):
        throttle.check(["ada"], "10.0.0.1")
        throttle.failed(["ada"], "10.0.0.1")
        clock.now += 10
    with pytest.raises(LimitExceeded, match="try again in 40 seconds"):
        throttle.check(["ada"], "10.0.0.2")
    throttle.check(["bob"], "10.0.0.1")
    clock.now = 61
    throttle.check(["ada"], "10.0.0.1")


def test_failures_from_an_address_are_counted_whoever_it_is() -> None:
    throttle = Throttle(10, 3)
    for user in ("a", "b", "c"):
        throttle.failed([user], "10.0.0.1")
    with pytest.raises(LimitExceeded):
        throttle.check(["d"], "10.0.0.1")
    throttle.check(["d"], "10.0.0.2")


def test_a_password_that_is_right_forgets_those_that_were_not() -> None:
    throttle = Throttle(2, 100)
    throttle.failed(["ada"], "")
    throttle.succeeded(["ada"])
    throttle.failed(["ada"], "")
    throttle.check(["ada"], "")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


async def test_who_tries_passwords_is_stopped_and_no_system_is_asked(house: House) -> None:
    for _ in range(10):
        answer = await house.ask(LOGIN, u="plant", p="wrong")
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    answer = await house.ask(LOGIN, u="plant", p="demo")
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "LIMIT_EXCEEDED"
    assert answer["extensions"]["cost"]["totalCalls"] == 0
    assert await house.login("oncology"), "others are let in"


def off(faults: Faults) -> None:
    faults.off = True


def failing(faults: Faults) -> None:
    faults.fail_next["login"] = 1


def misbehaving(how: Misbehaviour) -> Callable[[Faults], None]:
    return lambda faults: faults.plan("login", how)


MISHAPS: list[tuple[str, Callable[[Faults], None]]] = [
    ("openbis", off),
    ("omero", off),
    ("openbis", failing),
    ("omero", failing),
    *(("openbis", misbehaving(how)) for how in Misbehaviour if how is not Misbehaviour.SLOW_BODY),
]
BOTH = """mutation ($u: String!, $p: String!) { login(username: $u, password: $p) {
    openbis omero userErrors { code source } } }"""
WIRES = [False, pytest.param(True, marks=pytest.mark.skipif(
    find_spec("omero") is None, reason="the extra omnibis[omero] is not installed"))]  # fmt: skip


@pytest.mark.parametrize("wire", WIRES)
async def test_what_is_a_systems_fault_is_nobodys_wrong_password(*, wire: bool) -> None:
    async with open_house(wire=wire, limits={"login_failures": 2}) as house:
        failures = 0
        for backend, mishap in MISHAPS * 2:
            faults = house.built.faults[backend]
            mishap(faults)
            answer = (await house.data(BOTH, u="plant", p="demo"))["login"]
            assert answer["openbis" if backend == "omero" else "omero"] is True
            for error in answer["userErrors"]:
                assert error["source"] == backend.upper()
                assert error["code"] in {"BACKEND_UNAVAILABLE", "BACKEND_TIMEOUT", "INTERNAL"}
                failures += 1
            faults.clear()
            house.recover()
        assert failures > len(MISHAPS)
        answer = (await house.data(BOTH, u="plant", p="demo"))["login"]
        assert answer == {"openbis": True, "omero": True, "userErrors": []}


@pytest.mark.parametrize("wire", WIRES)
async def test_who_is_not_signed_in_to_the_demo_is_told_of_the_system_and_let_in_again(
    *, wire: bool
) -> None:
    query = "{ projects { totalCount } images { totalCount } }"
    async with open_house(wire=wire, limits={"login_failures": 2}) as house:
        for backend, mishap in [(name, how) for name, how in MISHAPS if how in {off, failing}] * 2:
            faults = house.built.faults[backend]
            faults.expire_sessions()
            mishap(faults)
            answer = await house.ask(query)
            codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
            assert codes <= {"BACKEND_UNAVAILABLE"}
            if mishap is off:  # one failure may be made good by asking once more
                assert answer["extensions"]["sources"][backend] == "UNAVAILABLE"
            faults.clear()
            house.recover()
            assert "errors" not in await house.ask(query)


@pytest.mark.parametrize("backend", ["openbis", "omero"])
async def test_a_login_that_hangs_is_told_as_a_system_that_does(
    house: House, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.auth.LOGIN_SECONDS", 0.05)
    house.built.faults[backend].latency = 0.5
    field = {"openbis": "projects", "omero": "images"}[backend]
    answer = await house.ask(f"{{ {field} {{ totalCount }} }}")
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BACKEND_TIMEOUT", "and not: log in again"
    assert answer["extensions"]["sources"][backend] == "TIMEOUT"


async def test_one_who_has_an_account_in_one_system_only_may_log_in_often() -> None:
    world = without_omero(build_world(), "genomics")
    async with open_house(limits={"login_failures": 2}, world=world) as house:
        for _ in range(5):
            answer = (await house.data(BOTH, u="genomics", p="demo"))["login"]
            assert (answer["openbis"], answer["omero"]) == (True, False)
        guess = """mutation ($p: String!) { login(openbis: {username: "genomics", password: "demo"},
            omero: {username: "genomics", password: $p}) { omero } }"""
        codes = [
            (await house.ask(guess, p=f"guess {number}")).get("errors", [None])[0]
            for number in range(3)
        ]
        assert codes[:2] == [None, None]
        assert codes[2]["extensions"]["code"] == "LIMIT_EXCEEDED", "these are other passwords"


def without_omero(world: World, user: str) -> World:
    passwords: Any = world.omero.passwords
    del passwords[user]
    return world
