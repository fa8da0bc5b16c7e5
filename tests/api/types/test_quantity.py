from __future__ import annotations

import pytest

from backends.demo.studies import rup2
from backends.omero.units import LENGTHS
from tests.atlas import Atlas
from tests.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

QUERY = """query ($i: BigInt!, $unit: LengthUnit!) { image(omeroId: $i) {
    pixelSize { x { value unit in(unit: $unit) { value unit } } }
    channels { emission { in(unit: ANGSTROM) { value unit in(unit: NANOMETER) { value } } value } }
} }"""


@pytest.fixture(scope="module")
def image(open_door: House) -> int:
    """An image whose pixels are measured in nanometres."""
    atlas = Atlas(open_door.world)
    project = atlas.image_project(rup2.PROJECT)
    return next(
        each
        for dataset in atlas.datasets_in[project]
        for each in atlas.images_in[dataset]
        if atlas.pixels_of.get(each, {}).get("physicalSizeX", (0, ""))[1] == "NANOMETER"
    )


@pytest.mark.parametrize(
    ("unit", "factor"), [("MICROMETER", 1000.0), ("MILLIMETER", 1e6), ("NANOMETER", 1.0)]
)
async def test_a_length_in_another_unit(
    open_door: House, image: int, unit: str, factor: float
) -> None:
    found = (await open_door.data(QUERY, i=image, unit=unit))["image"]
    size = found["pixelSize"]["x"]
    assert size["unit"] == "NANOMETER"
    assert size["in"]["unit"] == unit
    assert size["in"]["value"] == pytest.approx(size["value"] / factor, rel=1e-15)
    for channel in found["channels"]:
        emission = channel["emission"]
        assert emission["in"]["value"] == emission["value"] * 10
        assert emission["in"]["in"]["value"] == emission["value"]


@pytest.mark.parametrize("unit", ["PIXEL", "REFERENCEFRAME"])
async def test_what_is_no_length_is_refused(open_door: House, image: int, unit: str) -> None:
    answer = await open_door.ask(QUERY, i=image, unit=unit)
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["path"] == ["image", "pixelSize", "x", "in"]
    assert answer["data"]["image"]["pixelSize"]["x"]["in"] is None


async def test_all_units_of_the_adapter_can_be_asked_for(open_door: House, image: int) -> None:
    units = [unit.name for unit in LENGTHS if unit.name not in {"PIXEL", "REFERENCEFRAME"}]
    fields = " ".join(f"{name}: in(unit: {name}) {{ unit }}" for name in units[:15])
    query = f"query ($i: BigInt!) {{ image(omeroId: $i) {{ pixelSize {{ x {{ {fields} }} }} }} }}"
    found = (await open_door.data(query, i=image))["image"]["pixelSize"]["x"]
    assert found == {name: {"unit": name} for name in units[:15]}
