"""What the drawn thumbnails show, by their pixels; and who gets to see them."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from backends.demo.omero import pictures
from backends.demo.omero.errors import (
    StoreQueryError,
    StoreSecurityViolation,
    StoreSessionError,
    StoreUnavailableError,
)
from backends.demo.omero.pictures import LARGEST_PICTURE, REMEMBERED
from backends.demo.omero.rights import ReadScope
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.subjects import Modality, Subject, read_subjects
from backends.demo.study import build_world
from backends.demo.world import OmeroContent
from tests.backends.demo.omero.laboratory import (
    BOB,
    CLOSED,
    EVE,
    LAB,
    OPEN,
    PASSWORD,
    laboratory,
    owned,
)

EVERYTHING = ReadScope(0, unlimited=True, groups=(), own_group=None)
GREEN, RED, BLUE = (0, 255, 0), (255, 0, 0), (0, 0, 255)


draw = pictures.draw.__wrapped__  # drawn anew each time, not remembered


def seen(subject: Subject, side: int = 96) -> Any:
    picture = Image.open(io.BytesIO(draw(subject, side)))
    assert picture.format == "JPEG"
    return picture.convert("RGB")


def mean(picture: Any) -> tuple[float, float, float]:
    red, green, blue = ImageStat.Stat(picture).mean
    return red, green, blue


def difference(one: Any, other: Any) -> float:
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def subject(modality: Modality, image: int = 1, **given: Any) -> Subject:
    given["facts"] = tuple(given.get("facts", {}).items())
    return Subject(image, **{"width": 512, "height": 512, "modality": modality, **given})


# --- what they look like --------------------------------------------------------------------------


@pytest.mark.parametrize("modality", Modality)
def test_a_picture_follows_from_its_image_alone(modality: Modality) -> None:
    first = draw(subject(modality), 96)
    assert draw(subject(modality), 96) == first
    assert draw(subject(modality, 2), 96) != first


def test_the_latest_pictures_are_remembered() -> None:
    asked = subject(Modality.CT, 77)
    first = pictures.draw(asked, 32)
    assert pictures.draw(asked, 32) is first == draw(asked, 32)
    assert pictures.draw(asked, 33) != first
    assert pictures.draw.cache_info().maxsize == REMEMBERED


def test_another_process_draws_the_same() -> None:
    program = (
        "import hashlib\n"
        "from backends.demo.omero.pictures import draw\n"
        "from backends.demo.omero.subjects import Modality, Subject\n"
        "for modality in Modality:\n"
        "    print(hashlib.sha256(draw(Subject(7, 300, 200, modality), 64)).hexdigest())\n"
    )
    told = {
        subprocess.run(  # noqa: S603 - our own interpreter and text
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1
    assert len(set(told.pop().split())) == len(Modality)


@pytest.mark.parametrize("modality", Modality)
def test_an_image_looks_the_same_at_every_size(modality: Modality) -> None:
    small = seen(subject(modality), 64)
    for side in (100, 256, 512):
        large = seen(subject(modality), side).resize((64, 64), Image.Resampling.BOX)
        assert difference(small, large) < difference(small, seen(subject(modality, 2), 64)) + 12
        assert difference(small, large) < 60


@pytest.mark.parametrize("modality", Modality)
@settings(max_examples=12, deadline=None)
@given(
    width=st.integers(1, 100_000),
    height=st.integers(1, 100_000),
    side=st.integers(1, 512),
    image=st.integers(1, 10**12),
)
def test_the_longer_side_is_as_asked_and_the_proportions_stay(
    modality: Modality, width: int, height: int, side: int, image: int
) -> None:
    drawn = seen(subject(modality, image, width=width, height=height), side)
    assert max(drawn.size) == side
    longest = max(width, height)
    assert abs(drawn.size[0] - max(1, width * side / longest)) <= 0.5
    assert abs(drawn.size[1] - max(1, height * side / longest)) <= 0.5


def test_cells_shine_in_the_colours_of_their_channels() -> None:
    plain = seen(subject(Modality.CELLS, colors=(GREEN, RED)))
    red, green, blue = mean(plain)
    assert green > red > blue + 1
    blue_green = mean(seen(subject(Modality.CELLS, colors=(BLUE, GREEN))))
    assert blue_green[2] > blue_green[1] > blue_green[0]
    assert mean(seen(subject(Modality.CELLS, colors=(RED,))))[1] < 5
    nuclear = seen(
        subject(Modality.CELLS, colors=(GREEN, RED), facts={"mCherry fusion": "NLS-mCherry"})
    )
    assert mean(nuclear)[0] > red  # a marker that fills the nuclei, not speckles


def test_tumour_is_darker_and_more_violet_than_healthy_tissue() -> None:
    for image in range(1, 6):
        healthy = mean(seen(subject(Modality.TISSUE, image, facts={"Tissue": "healthy liver"})))
        tumour = mean(seen(subject(Modality.TISSUE, image, facts={"Tissue": "tumour liver"})))
        assert healthy[0] > 200
        assert healthy[0] > healthy[2] > healthy[1]  # pink
        assert sum(tumour) < sum(healthy) - 120
        assert tumour[2] > tumour[0] > tumour[1]  # violet
    stained = mean(seen(subject(Modality.TISSUE, facts={"Stain": "DAB"})))
    assert stained[0] > stained[1] > stained[2]  # brown


def test_a_whole_slide_is_tissue_on_glass() -> None:
    slide = seen(subject(Modality.SLIDE, width=60_000, height=30_000))
    assert min(slide.getpixel((1, 1))) > 235
    assert mean(slide)[1] < 235


@pytest.mark.parametrize("modality", [Modality.CT, Modality.MR, Modality.MASK])
def test_scans_are_grey(modality: Modality) -> None:
    for red, green, blue in _pixels(seen(subject(modality))):
        assert max(red, green, blue) - min(red, green, blue) <= 2


def test_a_biopsy_shows_its_needle() -> None:
    without = seen(subject(Modality.CT))
    guided = seen(subject(Modality.CT, facts={"Purpose": "biopsy guidance"}))
    assert difference(without, guided) > 1


def test_pet_is_hot_and_choline_lights_the_liver() -> None:
    tracer = {
        name: seen(subject(Modality.PET, facts={"Tracer": name})) for name in ("FDG", "choline")
    }
    for picture in tracer.values():
        red, green, blue = mean(picture)
        assert red > green > blue
    assert mean(tracer["choline"])[1] > mean(tracer["FDG"])[1] + 5


def test_perfusion_has_colours_in_the_liver_only() -> None:
    colourful = [
        place
        for place, (red, green, blue) in enumerate(_pixels(seen(subject(Modality.PERFUSION))))
        if max(red, green, blue) - min(red, green, blue) > 60
    ]
    assert 500 < len(colourful) < 3_000
    assert max(place % 96 for place in colourful) < 60  # the liver is on the left of the picture


def _pixels(picture: Any) -> list[tuple[int, int, int]]:
    data = picture.tobytes()
    return list(zip(data[::3], data[1::3], data[2::3], strict=True))


@pytest.mark.parametrize("modality", Modality)
def test_a_small_picture_takes_a_few_milliseconds(modality: Modality) -> None:
    spent = []
    for image in range(1, 8):
        started = time.thread_time()
        draw(subject(modality, image, colors=(GREEN, RED)), 96)
        spent.append(time.thread_time() - started)
    assert min(spent) < 0.02  # 1 to 3 ms on a quiet machine, without coverage


# --- what is read of the model --------------------------------------------------------------------


@pytest.fixture(scope="module")
def world_subjects() -> Iterator[dict[int, Subject]]:
    content = build_world().omero
    store = OmeroStore(content)
    with store._readers.borrow() as connection:
        yield read_subjects(connection, EVERYTHING, [row["id"] for row in content.rows["Pixels"]])
    store.shut_down()


def test_every_study_shows_its_modality(world_subjects: dict[int, Subject]) -> None:
    names = {}
    content = build_world().omero
    images = {row["id"]: row["name"] for row in content.rows["Image"]}
    for found in world_subjects.values():
        names.setdefault(found.modality, set()).add(images[found.image].rsplit(".", 1)[0])
    assert {kind: len(some) for kind, some in names.items()} == {
        Modality.CELLS: 125,
        Modality.TISSUE: 2_600,
        Modality.SLIDE: 50,
        Modality.CT: 155,
        Modality.PERFUSION: 30,
        Modality.MR: 30,
        Modality.PET: 60,
    }
    assert all("_RUP" in name for name in names[Modality.CELLS])
    assert all("_HE_" in name for name in names[Modality.TISSUE])
    assert all(name.endswith(("_HE", "_HepPar1")) for name in names[Modality.SLIDE])
    assert all("_PET_" in name for name in names[Modality.PET])
    assert all(name.endswith("_CTP") for name in names[Modality.PERFUSION])


def test_sizes_colours_and_facts_are_the_models(world_subjects: dict[int, Subject]) -> None:
    first = world_subjects[1]
    assert (first.image, first.width, first.height) == (1, 1024, 1024)
    assert first.colors == (GREEN, RED)
    assert dict(first.facts)["GFP fusion"] == "RUP1-GFP"
    healthy = [found for found in world_subjects.values() if found.says("healthy")]
    assert len(healthy) == 1_300


def noted(content: OmeroContent, image: int, *pairs: tuple[str, str]) -> None:
    note = owned(content, "MapAnnotation", {"mapValue": list(pairs)})
    owned(content, "ImageAnnotationLink", {"parent": image, "child": note})


@pytest.mark.parametrize(
    ("modality", "shown"),
    [
        ("Confocal microscopy", Modality.CELLS),
        ("Electron microscopy", Modality.CELLS),  # not CT, although electron has it within
        ("ct", Modality.CT),
        ("CT perfusion", Modality.PERFUSION),
        ("MR", Modality.MR),
        ("PET", Modality.PET),
        ("H&E", Modality.TISSUE),
        ("IHC", Modality.TISSUE),
        ("Segmentation mask", Modality.MASK),
        ("Macro photography", Modality.SLIDE),
        ("", Modality.CELLS),
    ],
)
def test_the_note_decides(modality: str, shown: Modality) -> None:
    content = laboratory()
    noted(content, 3, ("Modality", modality))
    store = OmeroStore(content)
    with store._readers.borrow() as connection:
        assert read_subjects(connection, EVERYTHING, [3])[3].modality is shown
    store.shut_down()


@pytest.mark.parametrize(
    ("image_format", "contrast", "shown"),
    [
        ("DICOM", None, Modality.CT),
        ("TIFF", "Brightfield", Modality.TISSUE),
        ("NDPI", "Brightfield", Modality.SLIDE),
        ("TIFF", "Fluorescence", Modality.CELLS),
    ],
)
def test_without_a_note_channels_and_format_decide(
    image_format: str, contrast: str | None, shown: Modality
) -> None:
    content = laboratory()
    content.rows["Image"][1]["format"] = content.enumerate("Format", image_format)
    if contrast is not None:
        method = content.enumerate("ContrastMethod", contrast)
        logical = owned(content, "LogicalChannel", {"contrastMethod": method})
        owned(content, "Channel", {"pixels": 2, "logicalChannel": logical})
    store = OmeroStore(content)
    with store._readers.borrow() as connection:
        assert read_subjects(connection, EVERYTHING, [2])[2].modality is shown
    store.shut_down()


# --- who gets to see them -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store() -> Iterator[OmeroStore]:
    """The laboratory, where ann's, eve's and the public image have pixels too: 4, 5 and 6."""
    content = laboratory()
    size = {"sizeX": 300, "sizeY": 200}
    owned(content, "Pixels", {"image": 6, **size}, group=CLOSED)
    owned(content, "Pixels", {"image": 7, **size}, group=CLOSED, owner=EVE)
    owned(content, "Pixels", {"image": 8, **size}, group=OPEN, owner=EVE)
    # Pixels of the lab below an image that only eve may see, and pixels without an extent.
    owned(content, "Pixels", {"image": 7, **size})
    owned(content, "Pixels", {"image": 4, "sizeX": 0, "sizeY": 200}, owner=BOB)
    store = OmeroStore(content)
    yield store
    store.shut_down()


@pytest.mark.parametrize(
    ("user", "group", "visible"),
    [
        ("root", -1, {1, 2, 3, 4, 5, 6, 7}),
        ("ann", -1, {1, 2, 3, 4, 6}),
        ("ann", LAB, {1, 2, 3}),
        ("ann", None, {1, 2, 3}),
        ("ann", CLOSED, {4}),
        ("bob", -1, {1, 2, 3, 6}),
        ("eve", -1, {4, 5, 6}),
        ("eve", OPEN, {6}),
    ],
)
def test_only_those_who_may_see_an_image_get_its_picture(
    store: OmeroStore, user: str, group: int | None, visible: set[int]
) -> None:
    session = store.login(user, PASSWORD)
    asked = [*range(1, 9), 999, -1, 1 << 63]
    found = store.thumbnails(session, asked, 32, group=group)
    assert list(found) == asked
    assert {number for number, jpeg in found.items() if jpeg is not None} == visible


def test_everybody_who_sees_a_picture_sees_the_same(store: OmeroStore) -> None:
    found = {
        store.thumbnails(store.login(user, PASSWORD), [1], 32)[1] for user in ("root", "ann", "bob")
    }
    assert len(found) == 1
    (jpeg,) = found
    assert jpeg is not None
    assert Image.open(io.BytesIO(jpeg)).size == (32, 16)


def test_refusals(store: OmeroStore) -> None:
    session = store.login("ann", PASSWORD)
    assert store.thumbnails(session, [], 32) == {}
    with pytest.raises(StoreSecurityViolation):
        store.thumbnails(session, [1], 32, group=OPEN + 90)
    with pytest.raises(StoreSessionError):
        store.thumbnails("no-session", [1], 32)
    for side in (0, -5, LARGEST_PICTURE + 1):
        with pytest.raises(StoreQueryError, match=r"1 to 2048"):
            store.thumbnails(session, [1], side)
    store.faults.fail_next["thumbnails"] = 1
    with pytest.raises(StoreUnavailableError):
        store.thumbnails(session, [1], 32)
    assert store.thumbnails(session, [1], 32)[1]
