"""`/images/{id}/thumbnail` and `/images/{id}/viewer`, through the whole application."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
import pytest
import pytest_asyncio
from PIL import Image
from pydantic import SecretStr

from api.app import create_app
from api.auth import Nobody
from api.demonstration import Demonstration, demonstration
from api.observe import JsonLines
from api.placeholder import placeholder
from api.settings import SettingsError, load_settings
from backends.demo import irregularities
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.transport import StoreTransport
from backends.lane import Call
from backends.omero.client import OmeroClient
from resolvers.addresses import IDLE_SECONDS
from tests.house import BOX

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEB = "https://omero.example.org/omero"
LOGIN = 'mutation ($u: String!) { login(username: $u, password: "demo") { token } }'
ADDRESSES = """query ($i: BigInt!) { image(omeroId: $i) {
    thumbnailUrl viewerUrl signedIn: viewerUrl(signedIn: true) not: viewerUrl(signedIn: false)
    iviewerUrl downloadUrl } }"""


@dataclass
class Gallery:
    """The application, what stands behind it, and the sets that OMERO was asked for."""

    built: Demonstration
    client: httpx.AsyncClient
    sets: list[tuple[str, tuple[int, ...], int]] = field(default_factory=list)
    spoiled: dict[int, bytes | None] = field(default_factory=dict)
    on_set: Callable[[], object] = lambda: None

    @property
    def store(self) -> OmeroStore:
        transport = self.built.parts.services.omero._transport
        assert isinstance(transport, StoreTransport)
        return transport.store

    def sessions(self) -> set[str]:
        """Every OMERO session that is open now."""
        return set(self.store.sessions._open)

    async def token(self, user: str) -> dict[str, str]:
        """Sign in and return the header that tells so."""
        asked = {"query": LOGIN, "variables": {"u": user}}
        response = await self.client.post("/graphql", json=asked)
        return {"authorization": f"Bearer {response.json()['data']['login']['token']}"}

    async def session(self, user: str) -> str:
        """A session on OMERO, as a client of its own would have."""
        omero = self.built.parts.services.omero
        return (await omero.login(user, SecretStr("demo"), Call())).get_secret_value()

    async def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def burst(
        self, paths: list[str], headers: dict[str, str] | None = None
    ) -> list[httpx.Response]:
        """Ask for all at the same time, as a page of pictures does."""
        return await asyncio.gather(*(self.get(path, headers) for path in paths))

    def recover(self) -> None:
        """Let the breakers probe at once."""
        for lane in self.built.parts.lanes.values():
            lane._open_until = 0.0


@asynccontextmanager
async def open_gallery(*, anonymous: bool = False, **given: Any) -> AsyncIterator[Gallery]:
    settings = load_settings({}, **given)
    built = demonstration(settings)
    if not anonymous:
        built.parts = replace(built.parts, nobody=Nobody())
    app = create_app(settings, built.parts, BOX)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://house.test") as client,
    ):
        gallery = Gallery(built, client)
        drawing = gallery.store.thumbnails

        def recorded(uuid: str, ids: Any, side: int, **rest: Any) -> dict[int, bytes | None]:
            gallery.sets.append((uuid, tuple(ids), side))
            gallery.on_set()
            drawn = drawing(uuid, ids, side, **rest)
            return {
                **drawn,
                **{key: gallery.spoiled[key] for key in drawn if key in gallery.spoiled},
            }

        gallery.store.thumbnails = recorded  # type: ignore[method-assign]
        yield gallery


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[Gallery]:
    async with open_gallery(omero_web_url=WEB) as opened:
        yield opened


@pytest.fixture
def gallery(shared: Gallery) -> Iterator[Gallery]:
    """One house for the module; each test finds it in order."""
    shared.sets.clear()
    yield shared
    shared.spoiled.clear()
    shared.on_set = lambda: None
    faults = shared.built.faults["omero"]
    faults.off, faults.latency = False, 0.0
    faults.fail_next.clear()
    shared.recover()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def steward(shared: Gallery) -> dict[str, str]:
    return await shared.token("steward")


def picture(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/jpeg"
    opened = Image.open(io.BytesIO(response.content))
    assert opened.format == "JPEG"
    return opened


def error(response: httpx.Response, status: int, code: str) -> str:
    """The message of an error, which has the one shape that errors have and is not kept."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert "Authorization" in response.headers["vary"]
    body = response.json()
    (told,) = body["errors"]
    assert told["extensions"]["code"] == code
    assert told["extensions"]["requestId"] == response.headers["x-request-id"]
    assert told["extensions"]["retryable"] is (status in {503, 504})
    message: str = told["message"]
    return message


def image_named(gallery: Gallery, name: str) -> int:
    rows = gallery.built.world.omero.rows["Image"]
    (number,) = [row["id"] for row in rows if row["name"] == name]
    return int(number)


def image_of(gallery: Gallery, group: str) -> int:
    rows = gallery.built.world.omero.rows
    (number,) = [row["id"] for row in rows["ExperimenterGroup"] if row["name"] == group]
    return int(next(row["id"] for row in rows["Image"] if row["details.group"] == number))


# --- pictures -------------------------------------------------------------------------------------


async def test_a_picture_and_what_is_told_of_it(gallery: Gallery, steward: dict[str, str]) -> None:
    response = await gallery.get("/images/1/thumbnail", steward)
    assert picture(response).size == (96, 96)
    headers = response.headers
    assert headers["cache-control"] == "private, max-age=300"
    assert headers["x-content-type-options"] == "nosniff"
    assert int(headers["content-length"]) == len(response.content)
    assert {name.strip() for name in headers["vary"].split(",")} >= {
        "Authorization",
        "X-OMERO-Session",
    }
    assert headers["etag"].startswith('"')
    assert "x-omnibis-placeholder" not in headers


async def test_the_address_that_the_api_gives_leads_to_the_picture(
    gallery: Gallery, steward: dict[str, str]
) -> None:
    query = """{ images(first: 40) { edges { node {
        sizeX sizeY thumbnailUrl large: thumbnailUrl(size: 200) } } } }"""
    answer = await gallery.client.post("/graphql", json={"query": query}, headers=steward)
    nodes = [edge["node"] for edge in answer.json()["data"]["images"]["edges"]]
    assert len(nodes) == 40
    for name, side in (("thumbnailUrl", 96), ("large", 200)):
        for node, found in zip(
            nodes, await gallery.burst([node[name] for node in nodes], steward), strict=True
        ):
            width, height = picture(found).size
            assert max(width, height) == side
            if node["sizeX"] is not None:
                assert width / height == pytest.approx(node["sizeX"] / node["sizeY"], rel=0.02)


async def test_who_has_the_picture_is_not_sent_it_again(
    gallery: Gallery, steward: dict[str, str]
) -> None:
    first = await gallery.get("/images/1/thumbnail", steward)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await gallery.get("/images/1/thumbnail", {**steward, "if-none-match": known})
        assert again.status_code == 304
        assert again.content == b""
        for name in ("etag", "cache-control", "vary"):
            assert again.headers[name] == first.headers[name]
    for unknown in ('"other"', tag.strip('"'), ""):
        again = await gallery.get("/images/1/thumbnail", {**steward, "if-none-match": unknown})
        assert again.content == first.content
    tags = {
        (await gallery.get(path, steward)).headers["etag"]
        for path in (
            "/images/1/thumbnail?size=96",
            "/images/1/thumbnail?size=97",
            "/images/2/thumbnail",
        )
    }
    assert len(tags | {tag}) == 3


async def test_knowing_the_tag_is_not_a_right_to_see(
    gallery: Gallery, steward: dict[str, str]
) -> None:
    tag = (await gallery.get("/images/1/thumbnail", steward)).headers["etag"]
    other = await gallery.token("oncology")
    error(
        await gallery.get("/images/1/thumbnail", {**other, "if-none-match": tag}), 404, "NOT_FOUND"
    )
    error(await gallery.get("/images/1/thumbnail", {"if-none-match": "*"}), 401, "UNAUTHENTICATED")


async def test_head_tells_the_same_without_the_picture(
    gallery: Gallery, steward: dict[str, str]
) -> None:
    whole = await gallery.get("/images/1/thumbnail?size=32", steward)
    head = await gallery.client.head("/images/1/thumbnail?size=32", headers=steward)
    assert head.status_code == 200
    assert head.content == b""
    for name in ("etag", "content-length", "content-type", "cache-control", "vary"):
        assert head.headers[name] == whole.headers[name]
    known = {**steward, "if-none-match": whole.headers["etag"]}
    assert (
        await gallery.client.head("/images/1/thumbnail?size=32", headers=known)
    ).status_code == 304


@pytest.mark.parametrize("size", [16, 17, 96, 511, 512])
async def test_sizes(gallery: Gallery, steward: dict[str, str], size: int) -> None:
    assert max(picture(await gallery.get(f"/images/1/thumbnail?size={size}", steward)).size) == size


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("size=15", "between 16 and 512; it is 15"),
        ("size=513", "between 16 and 512; it is 513"),
        ("size=0", "between 16 and 512"),
        ("size=-96", "?size=96"),
        ("size=96.0", "?size=96"),
        ("size=big", "?size=96"),
        ("size=", "?size=96"),
        ("size=%D9%A9%D9%A6", "?size=96"),  # digits, but not ours
        ("size=" + "9" * 5_000, "?size=96"),
        ("size=96&size=97", "?size=96"),
    ],
)
async def test_a_bad_size_is_told_with_advice(
    gallery: Gallery, steward: dict[str, str], query: str, told: str
) -> None:
    response = await gallery.get(f"/images/1/thumbnail?{query}", steward)
    assert told in error(response, 400, "BAD_USER_INPUT")
    assert gallery.sets == []


@pytest.mark.parametrize(
    "image", ["0", "999999", str((1 << 63) - 1), "9" * 19, "9" * 5_000, "x", "-1", "1.0", "%31x"]
)
async def test_what_is_no_image_is_not_found(
    gallery: Gallery, steward: dict[str, str], image: str
) -> None:
    message = error(await gallery.get(f"/images/{image}/thumbnail", steward), 404, "NOT_FOUND")
    assert len(message) < 100
    assert gallery.sets == []


# --- where there is none --------------------------------------------------------------------------


async def test_an_image_without_pixels_has_a_placeholder(
    gallery: Gallery, steward: dict[str, str]
) -> None:
    number = image_named(gallery, irregularities.IMAGE_WITHOUT_PIXELS)
    response = await gallery.get(f"/images/{number}/thumbnail?size=64", steward)
    assert picture(response).size == (64, 64)
    assert response.headers["x-omnibis-placeholder"] == "true"
    assert response.headers["cache-control"] == "private, max-age=30"
    known = {**steward, "if-none-match": response.headers["etag"]}
    again = await gallery.get(f"/images/{number}/thumbnail?size=64", known)
    assert (again.status_code, again.headers["x-omnibis-placeholder"]) == (304, "true")


async def test_what_omero_cannot_draw_has_one_with_the_images_proportions(
    gallery: Gallery, steward: dict[str, str]
) -> None:
    pixels = next(
        row for row in gallery.built.world.omero.rows["Pixels"] if row["sizeX"] > 2 * row["sizeY"]
    )
    path = f"/images/{pixels['image']}/thumbnail?size=200"
    drawn = picture(await gallery.get(path, steward))
    for broken in (None, b"", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"):
        gallery.spoiled[pixels["id"]] = broken
        response = await gallery.get(path, steward)
        assert response.headers["x-omnibis-placeholder"] == "true"
        assert picture(response).size == drawn.size


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ((96, None, None), (96, 96)),
        ((96, 0, 5), (96, 96)),
        ((96, 100, 50), (96, 48)),
        ((96, 50, 100), (48, 96)),
        ((512, 100_000, 1), (512, 1)),
        ((16, 3, 2), (16, 11)),
    ],
)
async def test_placeholders_have_the_size_that_the_picture_would_have(
    asked: tuple[int, int | None, int | None], size: tuple[int, int]
) -> None:
    jpeg = placeholder(*asked)
    assert Image.open(io.BytesIO(jpeg)).size == size
    assert placeholder(*asked) is jpeg  # drawn once


# --- who may see ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "groups"),
    [
        ("steward", {"plant-biology", "clinical", "hepatology"}),
        ("microscopy", {"plant-biology", "clinical", "hepatology"}),
        ("plant", {"plant-biology"}),
        ("oncology", {"clinical", "hepatology"}),
        ("genomics", set()),
    ],
)
async def test_each_user_sees_the_pictures_of_the_own_groups(
    gallery: Gallery, user: str, groups: set[str]
) -> None:
    bearer = await gallery.token(user)
    own = {"x-omero-session": await gallery.session(user)}
    for group in ("plant-biology", "clinical", "hepatology"):
        path = f"/images/{image_of(gallery, group)}/thumbnail?size=16"
        for headers in (bearer, own):
            response = await gallery.get(path, headers)
            if group in groups:
                picture(response)
            else:
                message = error(response, 404, "NOT_FOUND")
                nowhere = await gallery.get("/images/999999/thumbnail?size=16", headers)
                told = error(nowhere, 404, "NOT_FOUND").replace("999999", path.split("/")[2])
                assert message == told


async def test_without_a_session_on_omero_there_is_nothing_to_see(gallery: Gallery) -> None:
    openbis = gallery.built.parts.services.openbis
    token = await openbis.login("steward", SecretStr("demo"), Call())
    for headers in ({}, {"x-openbis-token": token.get_secret_value()}):
        response = await gallery.get("/images/1/thumbnail", headers)
        assert error(response, 401, "UNAUTHENTICATED") == "Sign in to OMERO to see this."
        assert response.headers["www-authenticate"] == "Bearer"
    wrong = await gallery.get("/images/1/thumbnail", {"authorization": "Bearer wrong"})
    assert "log in again" in error(wrong, 401, "UNAUTHENTICATED")
    over = await gallery.get("/images/1/thumbnail", {"x-omero-session": "is-over"})
    assert "log in again" in error(over, 401, "SESSION_EXPIRED")
    assert gallery.sets == []


async def test_a_right_that_is_withdrawn_ends_at_once(gallery: Gallery) -> None:
    session = await gallery.session("plant")
    headers = {"x-omero-session": session}
    picture(await gallery.get("/images/1/thumbnail", headers))
    gallery.store.close(session)
    error(await gallery.get("/images/1/thumbnail", headers), 401, "SESSION_EXPIRED")


# --- OMERO in trouble -----------------------------------------------------------------------------


async def test_omero_down_is_told_as_json(gallery: Gallery, steward: dict[str, str]) -> None:
    gallery.built.faults["omero"].off = True
    for response in await gallery.burst([f"/images/{n}/thumbnail" for n in range(1, 9)], steward):
        error(response, 503, "BACKEND_UNAVAILABLE")
        assert response.headers["retry-after"] == "2"
    gallery.built.faults["omero"].off = False
    gallery.recover()
    picture(await gallery.get("/images/1/thumbnail", steward))


async def test_omero_slow_is_a_time_out() -> None:
    async with open_gallery(limits={"deadline_seconds": 0.5}) as gallery:
        headers = {"x-omero-session": await gallery.session("plant")}
        gallery.built.faults["omero"].latency = 1.0
        error(await gallery.get("/images/1/thumbnail", headers), 504, "BACKEND_TIMEOUT")


async def test_a_failure_is_not_remembered(gallery: Gallery, steward: dict[str, str]) -> None:
    gallery.built.faults["omero"].fail_next["thumbnails"] = 2
    error(await gallery.get("/images/1/thumbnail", steward), 503, "BACKEND_UNAVAILABLE")
    picture(await gallery.get("/images/1/thumbnail", steward))


# --- bursts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pictures", "sets"), [(1, [1]), (50, [50]), (60, [50, 10])])
async def test_a_page_of_pictures_is_one_set(
    gallery: Gallery, steward: dict[str, str], pictures: int, sets: list[int]
) -> None:
    paths = [f"/images/{number}/thumbnail?size=16" for number in range(501, 501 + pictures)]
    answers = await gallery.burst(paths, steward)
    assert all(picture(answer) for answer in answers)
    assert sorted(len(ids) for _, ids, _ in gallery.sets) == sorted(sets)
    alone = await gallery.get(paths[-1], steward)
    assert alone.content == answers[-1].content
    assert len({answer.content for answer in answers}) == pictures


async def test_the_same_picture_is_drawn_once_for_a_burst(
    gallery: Gallery, steward: dict[str, str]
) -> None:
    answers = await gallery.burst(["/images/1/thumbnail"] * 80, steward)
    assert len({answer.content for answer in answers}) == 1
    assert [ids for _, ids, _ in gallery.sets] == [(1,)]


async def test_viewers_and_sizes_never_share_a_set(gallery: Gallery) -> None:
    plant, oncology = await gallery.session("plant"), await gallery.session("oncology")
    asked = [
        gallery.get(f"/images/{number}/thumbnail?size={size}", {"x-omero-session": session})
        for number in range(120, 132)  # the plant study ends at 126
        for size in (16, 32)
        for session in (plant, oncology)
    ]
    answers = await asyncio.gather(*asked)
    assert {(session, side): len(ids) for session, ids, side in gallery.sets} == {
        (plant, 16): 7,
        (plant, 32): 7,
        (oncology, 16): 5,
        (oncology, 32): 5,
    }
    codes = [answer.status_code for answer in answers]
    assert codes == [200, 404] * 14 + [404, 200] * 10


async def test_what_is_missing_does_not_spoil_the_rest(gallery: Gallery) -> None:
    bare = image_named(gallery, irregularities.IMAGE_WITHOUT_PIXELS)
    headers = await gallery.token("plant")
    wanted = [1, 200, bare, 999_999, 2]
    answers = await gallery.burst([f"/images/{n}/thumbnail" for n in wanted], headers)
    assert [answer.status_code for answer in answers] == [200, 404, 200, 404, 200]
    assert ["x-omnibis-placeholder" in answer.headers for answer in answers] == [
        *(False, False, True, False, False)
    ]
    assert len(gallery.sets) == 1


async def test_who_hangs_up_leaves_the_others_their_pictures(
    gallery: Gallery, steward: dict[str, str]
) -> None:
    under_way, loop = asyncio.Event(), asyncio.get_running_loop()
    gallery.on_set = lambda: loop.call_soon_threadsafe(under_way.set)
    asked = [
        asyncio.create_task(gallery.get(f"/images/{number}/thumbnail", steward))
        for number in range(1, 6)
    ]
    await under_way.wait()
    asked[0].cancel()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert [answer.status_code for answer in answers[1:] if isinstance(answer, httpx.Response)] == [
        200
    ] * 4


async def test_sessions_of_our_own_are_renewed_once_for_a_burst() -> None:
    async with open_gallery(anonymous=True) as gallery:
        picture(await gallery.get("/images/1/thumbnail"))
        gallery.built.faults["omero"].expire_sessions()
        paths = [f"/images/{number}/thumbnail?size=16" for number in range(1, 41)]
        assert all(picture(answer) for answer in await gallery.burst(paths))
        assert len(gallery.sessions()) == 1
        # What a client brought is the client's to renew.
        own = {"x-omero-session": await gallery.session("plant")}
        gallery.built.faults["omero"].expire_sessions()
        error(await gallery.get("/images/1/thumbnail", own), 401, "SESSION_EXPIRED")


# --- the way into OMERO.web -----------------------------------------------------------------------


async def addresses(gallery: Gallery, headers: dict[str, str]) -> tuple[dict[str, Any], str]:
    response = await gallery.client.post(
        "/graphql", json={"query": ADDRESSES, "variables": {"i": 1}}, headers=headers
    )
    return response.json()["data"]["image"], response.text


async def test_no_session_stands_in_an_answer(gallery: Gallery, steward: dict[str, str]) -> None:
    before = gallery.sessions()
    found, text = await addresses(gallery, steward)
    assert found == {
        "thumbnailUrl": "/images/1/thumbnail?size=96",
        "viewerUrl": f"{WEB}/webclient/img_detail/1/",
        "not": f"{WEB}/webclient/img_detail/1/",
        "signedIn": "/images/1/viewer",
        "iviewerUrl": f"{WEB}/iviewer/?images=1",
        "downloadUrl": f"{WEB}/webgateway/archived_files/download/1",
    }
    assert gallery.sessions() == before
    assert not [session for session in before if session in text]


async def test_the_redirect_signs_in_with_a_session_of_its_own(gallery: Gallery) -> None:
    session = await gallery.session("plant")
    before = gallery.sessions()
    response = await gallery.get("/images/1/viewer", {"x-omero-session": session})
    assert response.status_code == 303
    assert response.content == b""
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert "etag" not in response.headers
    target = urlsplit(response.headers["location"])
    assert f"{target.scheme}://{target.netloc}{target.path}" == f"{WEB}/webclient/img_detail/1/"
    query = parse_qs(target.query, strict_parsing=True)
    (made,) = gallery.sessions() - before
    assert query == {"server": ["1"], "bsession": [made]}
    assert made != session
    info = gallery.store.session(made)
    assert info.user_name == "plant"
    assert 0 < info.time_to_idle == IDLE_SECONDS <= 600
    assert 0 < info.time_to_live <= 24 * 3600


@pytest.mark.parametrize("web", [WEB + "/", "http://localhost:4080"])
async def test_the_redirect_keeps_prefix_and_server(web: str) -> None:
    async with open_gallery(omero_web_url=web, omero_web_server=3) as gallery:
        headers = await gallery.token("plant")
        location = (await gallery.get("/images/7/viewer", headers)).headers["location"]
    start = f"{web.rstrip('/')}/webclient/img_detail/7/?server=3&bsession="
    assert location.startswith(start)
    assert len(location) == len(start) + 36


async def test_where_the_redirect_is_refused_no_session_is_opened(
    gallery: Gallery, steward: dict[str, str]
) -> None:
    oncology = await gallery.token("oncology")
    before = gallery.sessions()
    get = gallery.get
    assert "that you may see" in error(await get("/images/1/viewer", oncology), 404, "NOT_FOUND")
    error(await get("/images/999999/viewer", steward), 404, "NOT_FOUND")
    error(await get("/images/x/viewer", steward), 404, "NOT_FOUND")
    error(await get(f"/images/{'9' * 19}/viewer", steward), 404, "NOT_FOUND")
    error(await get("/images/1/viewer"), 401, "UNAUTHENTICATED")
    error(await get("/images/1/viewer", {"x-omero-session": "over"}), 401, "SESSION_EXPIRED")
    for method in ("HEAD", "POST", "PUT"):
        response = await gallery.client.request(method, "/images/1/viewer", headers=steward)
        assert response.status_code == 405
        assert response.headers["allow"] == "GET"
    gallery.built.faults["omero"].fail_next["open_another"] = 1
    error(await get("/images/1/viewer", steward), 503, "BACKEND_UNAVAILABLE")
    gallery.built.faults["omero"].off = True
    error(await get("/images/1/viewer", steward), 503, "BACKEND_UNAVAILABLE")
    assert gallery.sessions() == before


async def test_without_omero_web_there_is_no_way_there() -> None:
    async with open_gallery() as gallery:
        headers = await gallery.token("plant")
        before = gallery.sessions()
        found, _ = await addresses(gallery, headers)
        assert found == {
            "thumbnailUrl": "/images/1/thumbnail?size=96",
            **dict.fromkeys(["viewerUrl", "not", "signedIn", "iviewerUrl", "downloadUrl"]),
        }
        message = error(await gallery.get("/images/1/viewer", headers), 404, "NOT_FOUND")
        assert "OMNIBIS_OMERO_WEB_URL" in message
        assert gallery.sessions() == before


@pytest.mark.parametrize(
    "url",
    [
        "omero.example.org",
        "ftp://omero.example.org",
        "javascript:alert(1)",
        "https://",
        "https://user:secret@omero.example.org",
        "https://omero.example.org/?server=1",
        "https://omero.example.org/#top",
        "https://omero.example.org/a b",
    ],
)
async def test_a_bad_address_of_omero_web_stops_the_start(url: str) -> None:
    with pytest.raises(SettingsError, match=r"OMNIBIS_OMERO_WEB_URL: where OMERO\.web is"):
        load_settings({"OMNIBIS_OMERO_WEB_URL": url})


async def test_the_address_of_omero_web_is_read() -> None:
    settings = load_settings({"OMNIBIS_OMERO_WEB_URL": WEB, "OMNIBIS_OMERO_WEB_SERVER": "2"})
    assert (settings.omero_web_url, settings.omero_web_server) == (WEB, 2)
    assert load_settings({}).omero_web_url is None
    with pytest.raises(SettingsError, match="OMNIBIS_OMERO_WEB_SERVER"):
        load_settings({"OMNIBIS_OMERO_WEB_SERVER": "0"})


# --- the log --------------------------------------------------------------------------------------


@pytest.fixture
def logged() -> Iterator[Callable[[], str]]:
    """All that any library logs, at the finest level, as an operator would read it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    root, ours = logging.getLogger(), logging.getLogger("omnibis")
    levels = root.level, ours.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    ours.setLevel(logging.DEBUG)
    yield stream.getvalue
    root.removeHandler(handler)
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


async def test_no_line_of_the_log_holds_a_secret(
    gallery: Gallery, logged: Callable[[], str]
) -> None:
    session, bearer = await gallery.session("plant"), await gallery.token("plant")
    for headers in ({"x-omero-session": session}, bearer):
        redirect = await gallery.get("/images/1/viewer", headers)
        assert redirect.status_code == 303
        await gallery.burst([f"/images/{n}/thumbnail" for n in (1, 2, 40, 999_999)], headers)
        await gallery.get("/images/1/thumbnail?size=1", headers)
    gallery.built.faults["omero"].off = True
    for path in ("/images/1/viewer", "/images/1/thumbnail"):
        error(await gallery.get(path, bearer), 503, "BACKEND_UNAVAILABLE")
    text = logged()
    assert "bsession" not in text
    secrets = {*gallery.sessions(), bearer["authorization"].removeprefix("Bearer "), session}
    assert len(secrets) > 3
    assert not [secret for secret in secrets if secret in text]


async def test_a_line_tells_viewer_and_calls_and_each_call_once(
    gallery: Gallery, steward: dict[str, str], logged: Callable[[], str]
) -> None:
    await gallery.burst([f"/images/{number}/thumbnail" for number in range(1, 11)], steward)
    lines = [orjson.loads(line) for line in logged().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) == 10
    assert {line["path"] for line in requests} == {f"/images/{n}/thumbnail" for n in range(1, 11)}
    assert len({line["viewer"] for line in requests}) == 1
    assert all(line["viewer"] for line in requests)
    assert sum(line["calls"].get("omero", 0) for line in requests) == 2
    assert sum(bool(line["calls"]) for line in requests) == 1


# --- over Ice -------------------------------------------------------------------------------------


async def test_over_ice_pictures_and_redirects_are_the_same(
    gallery: Gallery, logged: Callable[[], str]
) -> None:
    pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")
    from backends.demo.omero.ice_server import OmeroIceServer  # noqa: PLC0415 - needs Ice
    from backends.omero.ice_address import IceOptions, OmeroAddress  # noqa: PLC0415
    from backends.omero.ice_transport import IceTransport  # noqa: PLC0415

    bare = image_named(gallery, irregularities.IMAGE_WITHOUT_PIXELS)
    paths = [f"/images/{image}/thumbnail?size=48" for image in (*range(501, 550), bare)]
    here = await gallery.burst(paths, await gallery.token("steward"))
    settings = load_settings({}, omero_web_url=WEB)
    with OmeroIceServer(gallery.built.world.omero) as server:
        address = OmeroAddress.parse("ssl://127.0.0.1", server.ports["ssl"])
        omero = OmeroClient(
            IceTransport(address, IceOptions(verify=False)), gallery.built.parts.lanes["omero"]
        )
        built = gallery.built.parts
        services = replace(built.services, omero=omero)
        app = create_app(settings, replace(built, services=services, nobody=Nobody()), BOX)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://ice.test") as client:
            far = Gallery(gallery.built, client)
            headers = await far.token("steward")
            there = await far.burst(paths, headers)
            redirect = await far.get("/images/501/viewer", headers)
            error(await far.get("/images/999999/viewer", headers), 404, "NOT_FOUND")
            query = parse_qs(urlsplit(redirect.headers["location"]).query)
            made = SecretStr(query["bsession"][0])
            assert (await omero.identity(made, Call())).user_name == "steward"
            server.stop()
            error(await far.get(paths[0], headers), 503, "BACKEND_UNAVAILABLE")
        await omero.aclose()
    assert [answer.content for answer in there] == [answer.content for answer in here]
    assert [answer.headers["etag"] for answer in there] == [
        answer.headers["etag"] for answer in here
    ]
    assert "x-omnibis-placeholder" in there[-1].headers
    assert made.get_secret_value() not in logged()
    assert len([line for line in logged().splitlines() if '"omero":2' in line]) >= 2
