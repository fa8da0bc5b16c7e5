"""What every way to OMERO does alike: sessions, projections, rights, refusals."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from pydantic import SecretStr

from backends.demo.accounts import DEMO_PASSWORD
from backends.errors import AccessDenied, AuthenticationFailed, InvalidRequest, SessionExpired
from backends.fetch import Fetch
from backends.filters import PageRequest, Sort
from backends.lane import Call
from backends.omero.transport import RInt, RTime
from tests.backends.omero.contract.conftest import Place

EVERYTHING = Fetch.of(
    "channels", "objective", "instrument", "key_values", "tags", "roi_count", "fileset"
)


def embedded(place: Place) -> None:
    if place.is_live:
        pytest.skip("what a real server holds is not known")


async def test_a_session_tells_whose_it_is_and_ends(place: Place) -> None:
    session = await place.transport.login(place.user, place.password)
    who = await place.transport.identity(session)
    assert who.user_name == place.user
    assert who.user_id > 0
    assert who.group_id in who.group_ids
    assert session.get_secret_value() not in repr(session)
    await place.transport.close(session)
    with pytest.raises(SessionExpired):
        await place.transport.identity(session)
    with pytest.raises(SessionExpired):
        await place.transport.projection(session, "select e.id from Experimenter e", {})


async def test_a_wrong_password_and_an_unknown_user_are_refused_alike(place: Place) -> None:
    for user, password in ((place.user, "wrong-password"), ("nobody-of-that-name", "x")):
        with pytest.raises(AuthenticationFailed) as refused:
            await place.transport.login(user, SecretStr(password))
        assert str(refused.value) == "OMERO refused user and password."


async def test_a_session_that_never_was_is_over(place: Place) -> None:
    with pytest.raises(SessionExpired):
        await place.transport.identity(SecretStr("8a3b6c1e-0000-4000-8000-000000000000"))


async def test_a_session_may_be_used_by_another_server_of_ours(place: Place, server: Any) -> None:
    other = server.make()
    try:
        assert (await other.identity(place.session)).user_name == place.user
        await other.aclose()
        assert (await place.transport.identity(place.session)).user_name == place.user
    finally:
        await other.aclose()


async def test_a_second_session_of_the_same_user(place: Place) -> None:
    second = await place.transport.open_another(place.session, life_seconds=300, idle_seconds=60)
    assert second.get_secret_value() != place.session.get_secret_value()
    assert (await place.transport.identity(second)).user_name == place.user
    await place.transport.close(second)
    assert (await place.transport.identity(place.session)).user_name == place.user


async def test_the_version_is_a_version(place: Place) -> None:
    assert re.match(r"\d+\.\d+\.\d+", await place.transport.version(place.session))


async def test_values_come_as_what_they_are(place: Place) -> None:
    who = await place.transport.identity(place.session)
    ((number, name, mail, ldap),) = await place.rows(
        "select e.id, e.omeName, e.email, e.ldap from Experimenter e where e.id = :id",
        id=who.user_id,
    )
    assert (number, name) == (who.user_id, place.user)
    assert mail is None or isinstance(mail, str)
    assert type(ldap) is bool
    ((count,),) = await place.rows("select count(e.id) from Experimenter e")
    assert type(count) is int
    assert count >= 1


async def test_parameters_of_all_types_arrive(place: Place) -> None:
    embedded(place)
    rows = await place.rows(
        "select i.id, i.acquisitionDate, px.physicalSizeX.value, px.sizeX, "
        "px.physicalSizeX.unit, i.name from Image i join i.pixels px "
        "where i.id in (:ids) and i.acquisitionDate > :time and px.sizeX > :size "
        "and px.physicalSizeX.value < :width and i.name like :name order by i.id",
        ids=(*range(1, 2_000), 2**62),
        time=RTime(1),
        size=RInt(1),
        width=1e9,
        name="%",
    )
    assert len(rows) > 100
    for number, time, width, size, unit, name in rows:
        assert (type(number), type(time), type(width), type(size)) == (int, int, float, int)
        assert time > 10**12
        assert unit in {"MICROMETER", "MILLIMETER", "NANOMETER"}
        assert name


async def test_pages_are_cut_by_the_server(place: Place) -> None:
    hql = "select e.id from Experimenter e order by e.id"
    everyone = await place.rows(hql)
    page = await place.transport.projection(place.session, hql, {}, offset=1, limit=1)
    assert page == everyone[1:2]
    assert await place.transport.projection(place.session, hql, {}, limit=0) in ([], everyone)


async def test_many_ids_and_texts_of_all_alphabets(place: Place) -> None:
    hql = "select e.id from Experimenter e where e.id in (:ids) and e.omeName <> :name"
    found = await place.rows(hql, ids=tuple(range(1, 1_001)), name="µ😀" * 200)
    assert len(found) >= 1


@pytest.mark.parametrize(
    "hql",
    ["select e.nothing from Experimenter e", "select", "select x.id from Unknown x"],
)
async def test_what_is_no_hql_is_an_invalid_request(place: Place, hql: str) -> None:
    with pytest.raises(InvalidRequest):
        await place.rows(hql)
    assert await place.rows("select count(e.id) from Experimenter e")


@pytest.mark.parametrize("value", [2**63, RInt(2**31), "\ud800"])
async def test_values_out_of_range_are_an_invalid_request(place: Place, value: Any) -> None:
    if place.way == "in process" and isinstance(value, RInt):
        pytest.skip("nothing is written in bytes here")
    with pytest.raises(InvalidRequest):
        await place.rows("select e.id from Experimenter e where e.id = :id", id=value)


async def test_a_group_that_is_not_ones_own_is_denied(place: Place) -> None:
    embedded(place)
    session = await place.transport.login("plant", SecretStr(DEMO_PASSWORD))
    hql = "select p.name from Project p"
    with pytest.raises(AccessDenied):
        await place.transport.projection(session, hql, {}, group=place.group)
    assert await place.transport.projection(session, hql, {}) == [["QRUP2"]]
    await place.transport.close(session)


async def test_calls_of_two_viewers_at_once_see_their_own(place: Place) -> None:
    embedded(place)
    plant = await place.transport.login("plant", SecretStr(DEMO_PASSWORD))
    hql = "select p.name from Project p order by p.name"
    sessions = [plant, place.session] * 20
    answers = await asyncio.gather(
        *(place.transport.projection(each, hql, {}) for each in sessions)
    )
    assert answers[0] == [["QRUP2"]]
    assert answers[1] == [["QCLIN"], ["QHCC0"]]
    assert answers == answers[:2] * 20
    await place.transport.close(plant)


async def test_images_with_all_that_belongs_to_them(place: Place, client: Any) -> None:
    embedded(place)
    page = PageRequest(40, Sort("id"), count=True)
    found = await place.client.images(place.session, None, page, EVERYTHING, Call())
    theirs = await client.login("oncology", SecretStr(DEMO_PASSWORD), Call())
    expected = await client.images(theirs, None, page, EVERYTHING, Call())
    assert found == expected
    assert len(found.items) == 40
    assert found.items[0].channels


async def test_thumbnails_are_pictures(place: Place) -> None:
    embedded(place)
    page = PageRequest(3, Sort("id"))
    found = await place.client.images(place.session, None, page, Fetch.of(), Call())
    pixels = [image.pixels_id for image in found.items if image.pixels_id is not None]
    pictures = await place.transport.thumbnails(place.session, [*pixels, 10**9], 64)
    assert pictures.get(10**9) is None
    for number in pixels:
        picture = pictures[number]
        assert picture is not None
        assert picture.startswith(b"\xff\xd8\xff")
