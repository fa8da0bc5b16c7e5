"""`registerImages` and `annotateImages`: ids and files, records in openBIS, faults, repetition."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house import House, open_house

REGISTER = """
mutation ($input: RegisterImagesInput!, $dry: Boolean! = false, $key: String) {
  registerImages(input: $input, dryRun: $dry, idempotencyKey: $key, wait: 120) {
    preview { images files samples newImageDatasets record faults { line column message } }
    operation { id state counts { name count } error { message } steps { name attempts } }
    userErrors { code message }
  }
}
"""
ANNOTATE = """
mutation ($images: [AnnotateImageInput!]!, $dry: Boolean! = false) {
  annotateImages(images: $images, dryRun: $dry, wait: 60) {
    operation { state counts { name count } } userErrors { code message }
  }
}
"""
CREATE = """
mutation { createProject(input: {space: "CLINICAL", code: "QIMAG"}, wait: 60) {
  userErrors { message } } }
"""
DESIGN = """
mutation ($text: String!) {
  registerDesign(input: {project: "QIMAG", sheet: {text: $text}}, wait: 60) {
    operation { state } userErrors { message } } }
"""
SHEET = "name\tlevel\nB1\tbiological sample\nB2\tbiological sample\n"
READ = """
{ project(identifier: "QIMAG") { samples(first: 20) { edges { node {
    code type { code } parents { code } name: property(code: "Q_SECONDARY_NAME") { value }
    ids: property(code: "Q_OMERO_IDS") { value }
    omicsDatasets { kind contentCopies { externalCode } }
    imaging { status dataset { images(first: 50) { edges { node {
      omeroId name tags { value } keyValues { key value namespace } } } } } }
} } } } }
"""


async def prepare(house: House) -> str:
    token = await house.login("steward")
    assert (await house.data(CREATE, token))["createProject"]["userErrors"] == []
    done = await house.data(DESIGN, token, text=SHEET)
    assert done["registerDesign"]["operation"]["state"] == "SUCCEEDED"
    return token


async def register(house: House, token: str, **given: Any) -> Any:
    key = given.pop("key", None)
    dry = given.pop("dry", False)
    given = {"project": "QIMAG", **given}
    data = await house.data(REGISTER, token, input=given, key=key, dry=dry)
    return data["registerImages"]


async def samples(house: House, token: str) -> dict[str, Any]:
    """The samples by name, their images by id; runs by code."""
    edges = (await house.data(READ, token))["project"]["samples"]["edges"]
    found = {}
    for node in (edge["node"] for edge in edges):
        dataset = node["imaging"]["dataset"]
        images = [each["node"] for each in dataset["images"]["edges"]] if dataset else []
        node["images"] = {int(each["omeroId"]): each for each in images}
        run = node["type"]["code"] == "Q_BMI_GENERIC_IMAGING_RUN"
        found[node["code"] if run else node["name"]["value"]] = node
    return found


def counts(answer: Any) -> dict[str, int]:
    return {each["name"]: int(each["count"]) for each in answer["operation"]["counts"]}


async def test_images_that_exist(house: House) -> None:
    token = await prepare(house)
    wanted = [
        {
            "sample": "B1",
            "imageId": 1,
            "tags": ["H&E", "new"],
            "keyValues": [{"key": "Stain", "value": "H&E"}, {"key": "Stain", "value": "eosin"}],
        },
        {"sample": "B1", "imageId": 2, "tags": ["new"]},
        {"sample": "B2", "imageId": 3},
    ]
    dry = await register(house, token, images=wanted, dry=True)
    assert dry["operation"] is None
    assert dry["preview"] == {
        "images": 3,
        "files": 0,
        "samples": 2,
        "newImageDatasets": 2,
        "record": "run-sample",
        "faults": [],
    }
    done = await register(house, token, images=wanted, key="k")
    assert done["operation"]["state"] == "SUCCEEDED", done
    assert counts(done) == {
        "images": 3,
        "importedFiles": 0,
        "duplicateFiles": 0,
        "annotations": 1,
        "tags": 3,
        "records": 2,
    }
    found = await samples(house, token)
    assert set(found["B1"]["images"]) == {1, 2}
    assert set(found["B2"]["images"]) == {3}
    first = found["B1"]["images"][1]
    assert {"H&E", "new"} <= {tag["value"] for tag in first["tags"]}
    pairs = [(each["key"], each["value"]) for each in first["keyValues"]]
    assert {("Stain", "H&E"), ("Stain", "eosin")} <= set(pairs)
    run = found[f"IMG1{found['B1']['code']}"]
    assert run["ids"]["value"] == "1\n2"
    assert [each["code"] for each in run["parents"]] == [found["B1"]["code"]]

    again = await register(house, token, images=wanted, key="k")
    assert again["operation"]["id"] == done["operation"]["id"]
    repeated = await register(house, token, images=wanted)  # with another key: once more
    assert counts(repeated)["annotations"] == counts(repeated)["tags"] == 0
    assert f"IMG2{found['B1']['code']}" in await samples(house, token)


async def test_what_cannot_be_is_told_whole_and_nothing_is_written(house: House) -> None:
    token = await prepare(house)
    rows = (
        "sample,image id,file,Stain",
        "B1,1,,H&E",
        "B9,2,,",
        "B1,999999,,",
        "B2,1,,=1",
        "B2,,x.tif,",
        "B1,,,",
    )
    table = "\n".join(rows).replace(",", "\t")
    answer = await register(house, token, sheet={"text": table})
    assert answer["operation"] is None
    faults = {(each["line"], each["column"]) for each in answer["preview"]["faults"]}
    assert faults == {
        (3, "sample"),
        (4, "image id"),
        (5, "Stain"),
        (5, "image id"),
        (6, "file"),
        (7, "image id"),
    }
    assert {each["code"] for each in answer["userErrors"]} == {"BAD_USER_INPUT"}
    found = await samples(house, token)
    assert set(found) == {"B1", "B2"}
    assert found["B1"]["imaging"]["status"] == "NOT_LINKED"


async def test_annotating_images_again_says_nothing_twice(house: House) -> None:
    token = await house.login("steward")
    images = [
        {"imageId": number, "tags": ["seen"], "keyValues": [{"key": "a", "value": str(number)}]}
        for number in range(1, 6)
    ]
    first = (await house.data(ANNOTATE, token, images=images))["annotateImages"]
    assert counts(first) == {"annotations": 5, "tags": 5}
    second = (await house.data(ANNOTATE, token, images=images))["annotateImages"]
    assert counts(second) == {"annotations": 0, "tags": 0}
    bad = [{"imageId": 999_999, "tags": ["x"]}]
    third = (await house.data(ANNOTATE, token, images=bad, dry=True))["annotateImages"]
    assert [each["code"] for each in third["userErrors"]] == ["NOT_FOUND"]


async def test_a_linked_data_set_as_the_record() -> None:
    async with open_house(image_record="link-data-set", image_system="OMERO") as house:
        token = await prepare(house)
        done = await register(house, token, images=[{"sample": "B1", "imageId": 1}])
        assert done["operation"]["state"] == "SUCCEEDED", done
        (data,) = (await samples(house, token))["B1"]["omicsDatasets"]
        assert data == {"kind": "LINK", "contentCopies": [{"externalCode": "Image:1"}]}


COMMAND = (
    sys.executable,
    *("-m", "backends.demo.omero.ice_import", "--host", "{host}", "--port", "{port}"),
    *("-k", "{session}", "-d", "{dataset}", "{file}"),
)


async def test_files_are_imported_by_the_command_once(tmp_path: Path) -> None:
    pytest.importorskip("omero", reason="the import command of the tests needs omero-py")
    folder = tmp_path / "in coming"
    folder.mkdir()
    for name in ("a b.tif", "$(touch x).tif"):
        (folder / name).write_bytes(name.encode())
    (tmp_path / "secret.tif").write_bytes(b"secret")
    async with open_house(wire=True, import_command=COMMAND, import_folder=folder) as house:
        token = await prepare(house)
        files = [
            {"sample": "B1", "file": "a b.tif", "tags": ["imported"]},
            {"sample": "B2", "file": "$(touch x).tif"},
        ]
        bad = await register(
            house, token, images=[*files, {"sample": "B1", "file": "../secret.tif"}]
        )
        assert bad["operation"] is None
        assert "below the import folder" in bad["userErrors"][0]["message"]
        done = await register(house, token, images=files)
        assert done["operation"]["state"] == "SUCCEEDED", done
        assert counts(done)["importedFiles"] == 2
        found = await samples(house, token)
        ((number, image),) = found["B1"]["images"].items()
        assert image["name"] == "a b.tif"
        told = {each["key"]: each["value"] for each in image["keyValues"]}
        assert told["SHA-1"] == hashlib.sha1(b"a b.tif", usedforsecurity=False).hexdigest()
        assert [tag["value"] for tag in image["tags"]] == ["imported"]
        assert found[f"IMG1{found['B1']['code']}"]["ids"]["value"] == str(number)
        assert {each["name"] for each in found["B2"]["images"].values()} == {"$(touch x).tif"}
        again = await register(house, token, images=files[:1])  # recognised by its checksum
        assert counts(again)["duplicateFiles"] == 1
        assert set((await samples(house, token))["B1"]["images"]) == {number}
        other = await register(house, token, images=[{"sample": "B2", "file": "a b.tif"}])
        assert other["operation"]["state"] == "FAILED"
        assert f"as image {number}" in other["operation"]["error"]["message"]


async def test_an_import_that_fails_leaves_nothing(tmp_path: Path) -> None:
    pytest.importorskip("omero", reason="the import command of the tests needs omero-py")
    for name in ("good.tif", "bad.tif"):
        (tmp_path / name).write_bytes(name.encode())
    script = tmp_path / "import.py"
    script.write_text(
        "import subprocess, sys\n"
        "if sys.argv[-1].endswith('bad.tif'): sys.exit(3)\n"
        f"sys.exit(subprocess.call([{sys.executable!r}, '-m', "
        "'backends.demo.omero.ice_import', *sys.argv[1:]]))\n"
    )
    command = (sys.executable, str(script), *COMMAND[3:])
    async with open_house(wire=True, import_command=command, import_folder=tmp_path) as house:
        token = await prepare(house)
        files = [{"sample": "B1", "file": "good.tif"}, {"sample": "B1", "file": "bad.tif"}]
        done = await register(house, token, images=files)
        assert done["operation"]["state"] == "FAILED"
        assert "bad.tif cannot be imported" in done["operation"]["error"]["message"]
        found = await samples(house, token)
        assert found["B1"]["images"] == {}
        assert set(found) == {"B1", "B2"}


async def test_without_a_command_no_file_is_taken(house: House) -> None:
    token = await prepare(house)
    answer = await register(house, token, images=[{"sample": "B1", "file": "a.tif"}])
    assert "OMNIBIS_IMPORT_COMMAND" in answer["userErrors"][0]["message"]
