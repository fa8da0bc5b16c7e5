"""Frozen cohorts through the whole application: GraphQL, downloads, and who may have what."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import mlcroissant
import orjson
import pyarrow.parquet as pq
import pytest
import pytest_asyncio
from rocrate.rocrate import ROCrate

from resolvers.cohorts.exports import parquet
from tests.frozen import FREEZE, PART, QCLIN, READ, SPLIT, USERS, frozen, get, url_of
from tests.house import House, open_house

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # of mlcroissant's own dependencies
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tokens(shared: House) -> dict[str, str]:
    return {user: await shared.login(user) for user in USERS}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def snapshot(shared: House, tokens: dict[str, str]) -> dict[str, Any]:
    return await frozen(shared, tokens["oncology"])


async def test_a_table_is_the_same_in_every_format(
    shared: House, tokens: dict[str, str], snapshot: dict[str, Any]
) -> None:
    query = "?split=train:0.75,test:0.25&stratifyBy=Q_DIAGNOSIS"
    token = tokens["oncology"]
    table = await get(shared, url_of(snapshot, "cohort.parquet", query), token)
    rows = pq.read_table(io.BytesIO(table.content)).to_pylist()
    lines = await get(shared, url_of(snapshot, "cohort.jsonl", query), token)
    objects = [orjson.loads(line) for line in lines.content.splitlines()]
    text = await get(shared, url_of(snapshot, "cohort.csv", query), token)
    cells = list(csv.DictReader(io.StringIO(text.content.decode(), newline="")))
    assert len(rows) == len(objects) == len(cells) == snapshot["rowCount"]
    for row, object_, cell in zip(rows, objects, cells, strict=True):
        assert row["image_id"] == object_["image_id"]
        assert row["omics_perm_id"] == object_["omics_perm_id"]
        assert cell["image_id"] == ("" if row["image_id"] is None else str(row["image_id"]))
        assert row["split"] == object_["split"] == cell["split"]
    by_part = {part: {row["subject_perm_id"] for row in rows if row["split"] == part}
               for part in ("train", "test")}  # fmt: skip
    assert not by_part["train"] & by_part["test"]
    assert len(by_part["train"] | by_part["test"]) == snapshot["memberCount"]
    without = await get(shared, url_of(snapshot, "cohort.parquet"), token)
    assert set(pq.read_table(io.BytesIO(without.content))["split"].to_pylist()) == {None}


async def test_croissant_and_its_parquet_are_read_by_mlcroissant(
    shared: House, tokens: dict[str, str], snapshot: dict[str, Any], tmp_path: Path
) -> None:
    query = "?split=train:0.75,test:0.25"
    for file in ("croissant.json", "cohort.parquet"):
        answer = await get(shared, url_of(snapshot, file, query), tokens["oncology"])
        (tmp_path / file).write_bytes(answer.content)
    dataset = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    issues = dataset.metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())
    records = list(dataset.records("rows"))
    assert len(records) == snapshot["rowCount"]
    assert {record["rows/split"] for record in records} == {b"train", b"test"}


async def test_the_crate_holds_the_files_as_they_are_handed_out(
    shared: House, tokens: dict[str, str], snapshot: dict[str, Any], tmp_path: Path
) -> None:
    answer = await get(shared, url_of(snapshot, "cohort.crate.zip"), tokens["oncology"])
    (tmp_path / "crate.zip").write_bytes(answer.content)
    crate = ROCrate(str(tmp_path / "crate.zip"))
    assert crate.name == "women"
    with zipfile.ZipFile(tmp_path / "crate.zip") as packed:
        for file in ("cohort.parquet", "cohort.csv", "cohort.jsonl", "croissant.json"):
            single = await get(shared, url_of(snapshot, file), tokens["oncology"])
            assert packed.read(file) == single.content
            assert crate.get(file)["sha256"] == hashlib.sha256(single.content).hexdigest()


async def test_headers_say_what_it_is(
    shared: House, tokens: dict[str, str], snapshot: dict[str, Any]
) -> None:
    answer = await get(shared, url_of(snapshot, "cohort.csv"), tokens["oncology"])
    assert answer.status_code == 200
    headers = answer.headers
    assert headers["etag"] == f'"{snapshot["digest"]}"'
    assert headers["content-type"] == "text/csv; charset=utf-8"
    assert headers["content-disposition"] == 'attachment; filename="cohort.csv"'
    assert headers["cache-control"] == "private, no-cache"
    assert headers["accept-ranges"] == "bytes"
    assert int(headers["content-length"]) == len(answer.content)
    checksum = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert headers["repr-digest"] == f"sha-256=:{checksum}:"
    head = await shared.client.head(
        url_of(snapshot, "cohort.csv"), headers={"authorization": f"Bearer {tokens['oncology']}"}
    )
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == headers["content-length"]
    split = await get(shared, url_of(snapshot, "cohort.csv", "?split=a:1"), tokens["oncology"])
    assert split.headers["etag"] != headers["etag"]


async def test_a_small_description_comes_whole(
    shared: House, tokens: dict[str, str], snapshot: dict[str, Any]
) -> None:
    for file in ("croissant.json", "columns.json"):
        url = url_of(snapshot, file)
        answer = await get(shared, url, tokens["oncology"], range="bytes=10-")
        assert (answer.status_code, answer.headers["accept-ranges"]) == (200, "none")
        assert orjson.loads(answer.content)


async def test_a_download_that_broke_off_goes_on(
    shared: House, tokens: dict[str, str], snapshot: dict[str, Any]
) -> None:
    url, token = url_of(snapshot, "cohort.jsonl"), tokens["oncology"]
    whole = await get(shared, url, token)
    tag, content = whole.headers["etag"], whole.content
    first = await get(shared, url, token, range="bytes=0-99999")
    assert (first.status_code, first.content) == (206, content[:100_000])
    rest = await get(shared, url, token, range="bytes=100000-", if_range=tag)
    assert (rest.status_code, rest.content) == (206, content[100_000:])
    last = len(content) - 1
    assert rest.headers["content-range"] == f"bytes 100000-{last}/{len(content)}"
    changed = await get(shared, url, token, range="bytes=100000-", if_range='"other"')
    assert (changed.status_code, len(changed.content)) == (200, len(content))
    beyond = await get(shared, url, token, range=f"bytes={len(content)}-")
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(content)}"
    assert beyond.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    same = await get(shared, url, token, if_none_match=tag)
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["etag"] == tag
    other = await get(shared, url, token, if_match='"other"')
    assert other.status_code == 412


async def test_an_export_goes_on_while_both_systems_are_down_but_only_for_a_moment(
    house_on_fire: House,
) -> None:
    house = house_on_fire
    token = await house.login("oncology")
    frozen = (await house.data(FREEZE, token, where=QCLIN, name="x"))["freezeCohort"]["snapshot"]
    whole = await get(house, url_of(frozen, "cohort.jsonl"), token)
    assert whole.status_code == 200
    for backend in ("openbis", "omero"):
        await house.switch(backend, state="off")
    # Rights were asked for less than a minute ago; the rows come from the folder.
    rest = await get(house, url_of(frozen, "cohort.jsonl"), token, range="bytes=1000-")
    assert (rest.status_code, rest.content) == (206, whole.content[1000:])
    house.built.parts.services.cache.forget(await viewer_key(house, token))
    refused = await get(house, url_of(frozen, "cohort.jsonl"), token, range="bytes=1000-")
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "2"
    assert refused.json()["errors"][0]["extensions"]["code"] == "BACKEND_UNAVAILABLE"


async def viewer_key(house: House, token: str) -> str:
    keys = {key for key, _ in house.built.parts.services.cache._values}
    assert len(keys) == 1, token
    return keys.pop()


@pytest_asyncio.fixture(loop_scope="module")
async def house_on_fire() -> AsyncIterator[House]:
    async with open_house() as opened:
        yield opened


async def test_the_folder_breaking_in_the_middle_cuts_the_download(
    house_on_fire: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = house_on_fire
    token = await house.login("oncology")
    frozen = (await house.data(FREEZE, token, where=QCLIN, name="x"))["freezeCohort"]["snapshot"]
    url = url_of(frozen, "cohort.jsonl")
    whole = (await get(house, url, token)).content
    folder = house.built.parts.services.shelf._folder
    reading = folder.blocks

    async def breaking(path: str, start: int, end: int) -> AsyncIterator[bytes]:
        async for block in reading(path, start, end):
            yield block
            raise OSError("the store went away")

    monkeypatch.setattr(folder, "blocks", breaking)
    with pytest.raises(OSError, match="went away"):
        await get(house, url, token)
    monkeypatch.setattr(folder, "blocks", reading)
    half = len(whole) // 2
    rest = await get(house, url, token, range=f"bytes={half}-")
    assert rest.content == whole[half:]


async def test_who_sees_all_of_it_may_have_it(
    shared: House, tokens: dict[str, str], snapshot: dict[str, Any]
) -> None:
    told = (await shared.data(PART, tokens["steward"], id=snapshot["id"]))["cohortSnapshot"]
    assert (told["mine"], told["whole"], told["description"]) == (False, True, "secret plan")
    assert told["digest"] == snapshot["digest"]
    url = url_of(snapshot, "cohort.csv")
    mine = await get(shared, url, tokens["oncology"])
    assert (await get(shared, url, tokens["steward"])).content == mine.content


async def test_without_credentials_there_is_nothing(
    shared: House, snapshot: dict[str, Any]
) -> None:
    answer = await shared.client.get(
        url_of(snapshot, "cohort.csv"), headers={"authorization": "Bearer nonsense"}
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("path", "status", "advice"),
    [
        ("/cohorts/x/cohort.csv", 404, "no such cohort snapshot"),
        ("/cohorts/-1/cohort.csv", 404, "no such cohort snapshot"),
        ("/cohorts/" + "9" * 40 + "/cohort.csv", 404, "no such cohort snapshot"),
        ("/cohorts/999999/cohort.csv", 404, "no such cohort snapshot"),
        ("/cohorts/{number}/cohort.xlsx", 404, "cohort.parquet"),
        ("/cohorts/{number}/..%2f..%2frows", 404, "nothing here"),
        ("/cohorts/{number}/cohort.csv?split=", 400, "train:0.8"),
        ("/cohorts/{number}/cohort.csv?split=train", 400, "train:0.8"),
        ("/cohorts/{number}/cohort.csv?split=train:x", 400, "train:0.8"),
        ("/cohorts/{number}/cohort.csv?split=train:0.5", 400, "sum to 1"),
        ("/cohorts/{number}/cohort.csv?split=train:nan", 400, "greater than 0"),
        ("/cohorts/{number}/cohort.csv?salt=x", 400, "goes with `split`"),
        ("/cohorts/{number}/cohort.csv?split=a:1&together=LOVE", 400, "POOLED_SAMPLE"),
        ("/cohorts/{number}/cohort.csv?split=a:1&stratifyBy=Q_NOPE", 400, "Q_GENDER"),
        ("/cohorts/{number}/cohort.csv?splitt=a:1", 400, "splitt"),
    ],
)
async def test_what_is_asked_wrongly_is_told(
    shared: House,
    tokens: dict[str, str],
    snapshot: dict[str, Any],
    path: str,
    status: int,
    advice: str,
) -> None:
    url = path.format(number=snapshot["number"])
    answer = await get(shared, url, tokens["oncology"])
    assert answer.status_code == status
    assert advice in answer.json()["errors"][0]["message"]


async def test_only_get_and_head(shared: House, snapshot: dict[str, Any]) -> None:
    answer = await shared.client.post(url_of(snapshot, "cohort.csv"))
    assert answer.status_code == 405


async def test_without_pyarrow_it_is_said_what_is_missing(
    shared: House,
    tokens: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frozen = await shared.data(FREEZE, tokens["oncology"], where=QCLIN, name="fresh")
    fresh = frozen["freezeCohort"]["snapshot"]
    monkeypatch.setattr(parquet, "available", lambda: False)
    answer = await get(shared, url_of(fresh, "cohort.parquet"), tokens["oncology"])
    assert answer.status_code == 501
    assert "omnibis[export]" in answer.json()["errors"][0]["message"]
    assert (await get(shared, url_of(fresh, "cohort.csv"), tokens["oncology"])).status_code == 200
    told = await shared.data(READ, tokens["oncology"], id=fresh["id"], split=SPLIT)
    available = {each["format"]: each["available"] for each in told["cohortSnapshot"]["exports"]}
    assert available == {
        "PARQUET": False, "CSV": True, "JSON_LINES": True, "CROISSANT": False, "RO_CRATE": False,
        "COLUMNS": True,
    }  # fmt: skip
