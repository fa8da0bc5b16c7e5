from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

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
