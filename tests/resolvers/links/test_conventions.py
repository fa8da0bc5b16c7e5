from __future__ import annotations

from typing import Any

import pytest

from backends.records import ContentCopyRecord, KeyValueRecord, PropertyRecord, SampleRecord
from link_store.records import Evidence
from resolvers.links.conventions import (
    Targets,
    annotated,
    combined,
    copy_targets,
    own_targets,
    perm_ids_in,
    run_targets,
    targets_in,
)


def sample(**properties: Any) -> SampleRecord:
    told = tuple(
        PropertyRecord(code, (value,) if isinstance(value, str) else tuple(value))
        for code, value in properties.items()
    )
    return SampleRecord("p-1", "A", "/S/A", None, None, properties=told)


@pytest.mark.parametrize(
    ("properties", "images"),
    [
        ({"Q_OMERO_IDS": "12\n13\n14"}, (12, 13, 14)),
        ({"Q_OMERO_IDS": "[12, 13]"}, (12, 13)),
        ({"Q_OMERO_IDS": ["12", "13"]}, (12, 13)),  # a newer server sends a list
        ({"Q_OMERO_IDS": ""}, ()),
        ({"Q_ADDITIONAL_INFO": "OMERO image ids: 12, 13"}, (12, 13)),
        ({"Q_ADDITIONAL_INFO": "in OMERO: 12; 13"}, (12, 13)),
        ({"Q_ADDITIONAL_INFO": "age: 61; BCLC stage A"}, ()),
        ({"Q_ADDITIONAL_INFO": "scanned twice, see OMERO\nslice 4"}, ()),
        ({"Q_OMERO_IDS": "12", "Q_ADDITIONAL_INFO": "OMERO 99"}, (12,)),
        ({}, ()),
    ],
)
def test_an_imaging_run_names_its_images_in_three_spellings(
    properties: dict[str, str], images: tuple[int, ...]
) -> None:
    assert run_targets(sample(**properties)) == Targets(images=images)


@pytest.mark.parametrize(
    ("properties", "targets"),
    [
        ({"OMERO_IDS": "7", "OMERO_ID_TYPE": "DATASET"}, Targets(datasets=(7,))),
        ({"OMERO_IDS": "7,8", "OMERO_ID_TYPE": "IMAGES"}, Targets(images=(7, 8))),
        ({"OMERO_IDS": "7, 8"}, Targets(images=(7, 8))),
        (
            {"OMERO_IDS": "https://omero.example/webclient/?show=dataset-7"},
            Targets(datasets=(7,)),
        ),
        (
            {
                "OMERO_IDS": "https://o.example/webclient/img_detail/8/,https://o.example/iviewer/?images=9,10"
            },
            Targets(images=(8, 9, 10)),
        ),
        ({"OMERO_IDS": "none yet"}, Targets()),
        ({"OMERO_IDS": "9" * 40, "OMERO_ID_TYPE": "DATASET"}, Targets()),
        ({}, Targets()),
    ],
)
def test_a_sample_names_ids_or_addresses(properties: dict[str, str], targets: Targets) -> None:
    assert own_targets(sample(**properties)) == targets


def copy(code: str | None, path: str | None = None, system: str = "OMERO") -> ContentCopyRecord:
    return ContentCopyRecord(code, path, system, "images", None)


def test_a_link_data_set_names_an_image_or_a_dataset() -> None:
    assert copy_targets([copy("Image:12")]) == Targets(images=(12,))
    assert copy_targets([copy("12")]) == Targets(images=(12,))
    assert copy_targets([copy("Dataset:3")]) == Targets(datasets=(3,))
    assert copy_targets([copy(None, "/webclient/?show=image-4")]) == Targets(images=(4,))
    assert copy_targets([copy("12", system="GIT")]) == Targets()
    assert not copy_targets([])


def test_addresses_name_perm_ids() -> None:
    address = (
        "https://openbis.example/openbis/webapp/eln-lims/?menuUniqueId=null"
        "&viewName=showViewSamplePageFromPermId&viewData=20240101120000000-17"
    )
    assert perm_ids_in(address) == ("20240101120000000-17",)
    assert perm_ids_in("#entity=SAMPLE&permId=20240101120000000-17, 20240101120000000-17") == (
        "20240101120000000-17",
    )
    assert perm_ids_in("120240101120000000-17 and 2024-17") == ()
    assert targets_in("see dataset 5") == Targets()


def pair(key: str, value: str, namespace: str | None = None, number: int = 1) -> KeyValueRecord:
    return KeyValueRecord(number, namespace, key, value)


def test_annotations_of_ours_count_for_this_openbis_only() -> None:
    own = "omnibis/link"
    here = [pair("openBIS permId", "x-1", own), pair("openBIS instance", "openbis", own)]
    assert annotated(here, "openbis") == ("x-1",)
    assert annotated(here, "elsewhere") == ()
    assert annotated([pair("openBIS permId", "x-1", own)], "anything") == ("x-1",)


def test_annotations_of_others_count_by_what_their_keys_say() -> None:
    told = [
        pair("openBIS_permId", " 20240101120000000-17 ", "some/tool"),
        pair("permId", "20240101120000000-18"),
        pair("openBIS identifier", "/lab/a1"),
        pair("permId", "unknown"),
        pair("Patient", "20240101120000000-19"),
        pair("id", "5"),
    ]
    assert annotated(told, "openbis") == (
        "20240101120000000-17",
        "20240101120000000-18",
        "/LAB/A1",
    )


def test_confidence_grows_and_stays_below_one() -> None:
    assert combined([Evidence.NAME]) == 0.8
    assert combined([Evidence.NAME, Evidence.NAME, Evidence.Q_OMERO_IDS]) == 0.98
    assert combined(list(Evidence)) < 1
