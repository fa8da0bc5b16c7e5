from __future__ import annotations

from datetime import UTC, datetime

from backends.omero import decode, queries
from backends.omero.decode import Facets
from backends.records import (
    ChannelRecord,
    FileRecord,
    FilesetRecord,
    KeyValueRecord,
    Quantity,
    TagRecord,
)


def test_times_are_aware_and_exact_before_and_after_the_epoch() -> None:
    assert decode.moment(None) is None
    assert decode.moment(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert decode.moment(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    assert decode.moment(1_559_812_020_123) == datetime(2019, 6, 6, 9, 7, 0, 123_000, tzinfo=UTC)


def test_a_quantity_needs_number_and_unit() -> None:
    assert decode.quantity(0.5, "µm") == Quantity(0.5, "MICROMETER")
    assert decode.quantity(0.5, None) is None
    assert decode.quantity(None, "MICROMETER") is None


def test_an_image_without_anything_optional_has_nones() -> None:
    row = [7, "name", None, 3, 4, None, None, *[None] * (queries.IMAGE_WIDTH - 7)]
    image = decode.image(row, frozenset(), Facets())
    assert (image.omero_id, image.name, image.owner_id, image.group_id) == (7, "name", 3, 4)
    optional = set(image.__slots__) - {"omero_id", "name", "owner_id", "group_id", "fetched"}
    assert {getattr(image, name) for name in optional} == {None}


def test_facets_that_were_fetched_and_are_empty_differ_from_those_that_were_not() -> None:
    wanted = frozenset(
        {
            "channels",
            "channel_names",
            "objective",
            "magnification",
            "instrument",
            "key_values",
            "key_value_pairs",
            "tags",
            "roi_count",
            "fileset",
        }
    )
    optics = decode.OBJECTIVE_WIDTH + decode.INSTRUMENT_WIDTH
    row = [7, "name", None, 3, 4, *[None] * (queries.IMAGE_WIDTH - 5 + optics)]
    image = decode.image(row, wanted, Facets())
    assert (image.channels, image.key_values, image.tags, image.roi_count) == ((), (), (), 0)
    assert (image.objective, image.instrument, image.fileset) == (None, None, None)
    assert image.fetched == wanted


def test_widths_are_those_of_the_columns() -> None:
    assert len(queries.OBJECTIVE_COLUMNS) == decode.OBJECTIVE_WIDTH
    assert len(queries.INSTRUMENT_COLUMNS) == decode.INSTRUMENT_WIDTH


def test_a_color_needs_red_green_and_blue_and_is_opaque_by_default() -> None:
    blank = [None] * 4
    rows = [
        [1, 5, 0, "GFP", "EGFP", 509.0, "NANOMETER", 488.0, "NANOMETER", 0, 255, 0, None, *blank],
        [1, 5, 1, *blank, None, None, 0, None, 0, 255, *blank],
    ]
    assert decode.channels([row[:16] for row in rows]) == {
        5: (
            ChannelRecord(
                index=0,
                name="GFP",
                fluor="EGFP",
                emission=Quantity(509.0, "NANOMETER"),
                excitation=Quantity(488.0, "NANOMETER"),
                color=(0, 255, 0, 255),
                mode=None,
                contrast_method=None,
                illumination=None,
            ),
            ChannelRecord(1, None, None, None, None, None, None, None, None),
        )
    }


def test_pairs_keep_order_and_duplicates_but_not_second_links() -> None:
    rows = [
        [1, 10, 3, "ns", "k", "v"],
        [1, 10, 3, "ns", "k", "v"],
        [1, 11, 3, "ns", "k", "v"],
        [2, 12, 4, None, "k", None],
    ]
    pair = KeyValueRecord(3, "ns", "k", "v")
    assert decode.key_values(rows) == {1: (pair, pair), 2: (KeyValueRecord(4, None, "k", ""),)}
    plain = [[parent, link, note, key, value] for parent, link, note, _, key, value in rows]
    pair = KeyValueRecord(3, None, "k", "v")
    assert decode.key_values(plain, namespaced=False) == {
        1: (pair, pair),
        2: (KeyValueRecord(4, None, "k", ""),),
    }


def test_a_tag_linked_twice_counts_once() -> None:
    rows = [[1, 9, "Confocal", None, "d"], [1, 9, "Confocal", None, "d"]]
    assert decode.tags(rows) == {1: (TagRecord(9, "Confocal", None, "d"),)}


def test_a_fileset_may_have_no_files_that_the_viewer_sees() -> None:
    rows = [
        [1, "p/", "c/a.lsm", 4, "a.lsm", "p/", 12, "abc", "image/lsm"],
        [2, "q/", None, None, None, None, None, None, None],
    ]
    file = FileRecord(4, "a.lsm", "p/", "c/a.lsm", 12, "abc", "image/lsm")
    assert decode.filesets(rows) == {
        1: FilesetRecord(1, "p/", (file,)),
        2: FilesetRecord(2, "q/", ()),
    }
