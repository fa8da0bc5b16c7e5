from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from backends.demo.studies import rup2, synthetic
from backends.errors import (
    AccessDenied,
    AuthenticationFailed,
    BackendError,
    InvalidRequest,
    NotFound,
    ProtocolError,
    SessionExpired,
    Source,
    TimedOut,
    Unavailable,
)
from backends.fetch import Fetch
from link_store.records import LinkState
from resolvers.context import RequestContext, Viewer
from resolvers.crossing import imaging_of_samples
from resolvers.errors import NotSignedIn
from resolvers.gone import AT_MOST
from resolvers.imaging import Imaging, ImagingStatus
from tests.atlas import Atlas, nodes
from tests.house import House

LINK: Any = SimpleNamespace(state=LinkState.ACTIVE, omero_id=7)


class Answer:
    """A batcher that knows one answer."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    async def load(self, _key: Any) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    async def load_many(self, keys: Sequence[Any]) -> list[Any]:
        return [await self.load(key) for key in keys]


def request(link: Any, dataset: Any = None, *, admin: bool = False) -> RequestContext:
    made = RequestContext(Viewer("v"), SimpleNamespace(), "r")  # type: ignore[arg-type]
    made.loaders = SimpleNamespace(
        sample_links=Answer(link),
        image_datasets=Answer(dataset),
        identities=Answer(SimpleNamespace(is_admin=admin)),
        oversight=Answer(admin),
    )
    made.marked = AT_MOST  # what is noted of it is `test_gone.py`'s
    return made


async def status(context: RequestContext) -> Imaging:
    path = ["sample", "imaging"]
    return (await imaging_of_samples(context, ["p"], Fetch(), lambda _row: path))[0]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (LinkState.RESERVED, ImagingStatus.NOT_LINKED),
        (LinkState.BROKEN, ImagingStatus.GONE),
        (LinkState.RETIRED, ImagingStatus.NOT_LINKED),
    ],
)
async def test_a_link_that_is_not_active(state: LinkState, expected: ImagingStatus) -> None:
    link = SimpleNamespace(state=state, omero_id=7)
    assert await status(request(link)) == Imaging(expected, None, link)  # type: ignore[arg-type]


async def test_no_link_and_a_link() -> None:
    assert await status(request(None)) == Imaging(ImagingStatus.NOT_LINKED)
    dataset: Any = object()
    assert await status(request(LINK, dataset)) == Imaging(ImagingStatus.LINKED, dataset, LINK)


@pytest.mark.parametrize(
    ("admin", "expected"), [(True, ImagingStatus.GONE), (False, ImagingStatus.NOT_PERMITTED)]
)
async def test_only_an_administrator_knows_that_it_is_gone(
    *, admin: bool, expected: ImagingStatus
) -> None:
    assert await status(request(LINK, admin=admin)) == Imaging(expected, None, LINK)


@pytest.mark.parametrize(
    "class_",
    [
        Unavailable,
        TimedOut,
        SessionExpired,
        AuthenticationFailed,
        ProtocolError,
        InvalidRequest,
        NotFound,
    ],
)
@pytest.mark.parametrize("at", ["link", "dataset"])
async def test_whatever_fails_beyond_the_link_leaves_the_sample_standing(
    class_: type[BackendError], at: str
) -> None:
    error = class_(Source.OMERO, "Wait.")
    context = request(error) if at == "link" else request(LINK, error)
    assert await status(context) == Imaging(ImagingStatus.UNAVAILABLE)
    assert context.degradations[Source.OMERO].error is error
    assert context.degradations[Source.OMERO].path == ("sample", "imaging")


async def test_a_refusal_is_a_status_without_an_error() -> None:
    context = request(LINK, AccessDenied(Source.OMERO, "No."))
    assert (await status(context)).status is ImagingStatus.NOT_PERMITTED
    assert context.degradations == {}


async def test_without_a_session_images_are_unavailable_and_it_is_told_once() -> None:
    context = request(LINK, NotSignedIn("Sign in to OMERO to see this.", Source.OMERO))
    for _ in range(2):
        assert (await status(context)).status is ImagingStatus.UNAVAILABLE
    (told,) = context.degradations.values()
    assert isinstance(told.error, AuthenticationFailed)


@pytest.mark.asyncio(loop_scope="module")
async def test_from_images_by_what_was_seen_to_their_samples(open_door: House) -> None:
    """One query that starts at images, filtered by key-value, pixel size and channel."""
    atlas = Atlas(open_door.world)
    query = """{ images(first: 500, where: {
        keyValue: [{key: "GFP fusion", value: {eq: "RUP2-GFP"}}],
        pixelSize: {lt: {value: 200, unit: NANOMETER}}, channel: {eq: "mCherry"}
    }) { totalCount edges { node {
        omeroId dataset { name } sample { code project { code } } subject { code } } } } }"""
    found = (await open_door.data(query))["images"]
    nanometres = {"NANOMETER": 1.0, "MICROMETER": 1000.0}
    known = set()
    for number, pixels in atlas.pixels_of.items():
        size = pixels["physicalSizeX"]
        pairs = {(each["key"], each["value"]) for each in atlas.key_values("Image", number)}
        if ("GFP fusion", "RUP2-GFP") in pairs and size[0] * nanometres[size[1]] < 200:
            known.add(number)
    assert {each["omeroId"] for each in nodes(found)} == known
    assert found["totalCount"] == len(known) > 0
    for each in nodes(found):
        (dataset,) = atlas.datasets_of[each["omeroId"]]
        sample = atlas.sample_of_dataset[dataset]
        (subject,) = atlas.above(sample)
        assert each["dataset"] == {"name": sample.code}
        assert each["sample"] == {"code": sample.code, "project": {"code": rup2.PROJECT}}
        assert each["subject"] == {"code": subject.code}


@pytest.mark.asyncio(loop_scope="module")
async def test_an_image_back_to_its_project(open_door: House) -> None:
    atlas = Atlas(open_door.world)
    dataset = next(iter(atlas.sample_of_dataset))
    number = atlas.images_in[dataset][0]
    query = """query ($i: BigInt!) { image(omeroId: $i) {
        dataset { sample { code project { code } } } } }"""
    sample = atlas.sample_of_dataset[dataset]
    project = atlas.project_of(sample)
    assert project is not None
    assert (await open_door.data(query, i=number))["image"]["dataset"]["sample"] == {
        "code": sample.code,
        "project": {"code": project.code},
    }


async def test_no_kind_of_failure_in_omero_takes_a_sample_along(house: House) -> None:
    query = f"""{{ project(identifier: "{synthetic.PROJECT}") {{ samples(first: 5, where: {{
        type: {{eq: "Q_BIOLOGICAL_SAMPLE"}} }}) {{ edges {{ node {{ code
        imaging {{ status }} imageDataset {{ name }} images(first: 1) {{ totalCount }}
    }} }} }} }} }}"""
    house.built.faults["omero"].off = True
    answer = await house.ask(query)
    rows = nodes(answer["data"]["project"]["samples"])
    assert len(rows) == 5
    for row in rows:
        assert row["imaging"] == {"status": "UNAVAILABLE"}
        assert row["imageDataset"] is row["images"] is None
    (error,) = answer["errors"]
    assert error["extensions"]["occurrences"] == 11
