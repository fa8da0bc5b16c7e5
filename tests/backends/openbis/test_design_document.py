"""What is written is what is read, and merging loses nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backends.openbis.design import (
    Characteristic,
    Design,
    Factor,
    FactorLevel,
    Technology,
    read_design,
)
from backends.openbis.design_document import merge_designs, write_design

# What survives XML's and the reader's trimming.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8
) | st.sampled_from(["a & b", "<x>", '"quoted"', "it's", "5 \N{MICRO SIGN}m", "]]>"])
CODE = st.text("ABCDEFQX0123456789", min_size=1, max_size=10)
CODES = st.lists(CODE, unique=True, max_size=4).map(tuple)
UNIT = st.none() | st.sampled_from(["h", "mg", "mm"])
LEVELS = st.lists(
    st.builds(FactorLevel, TEXT, CODES), min_size=1, max_size=3, unique_by=lambda x: x.value
)
DESIGNS = st.builds(
    Design,
    st.none() | TEXT,
    st.lists(st.builds(Technology, TEXT, CODES), max_size=2, unique_by=lambda x: x.name).map(tuple),
    st.lists(
        st.builds(Factor, TEXT, UNIT, LEVELS.map(tuple)),
        max_size=3,
        unique_by=lambda x: (x.label, x.unit),
    ).map(tuple),
    st.lists(
        st.builds(Characteristic, TEXT, TEXT, UNIT, st.just(value=False), CODE),
        max_size=3,
        unique_by=lambda x: (x.sample_code, x.label),
    ).map(tuple),
)


@given(DESIGNS)
def test_what_is_written_is_read(design: Design) -> None:
    assert read_design(write_design(design)) == design


@given(DESIGNS, DESIGNS)
def test_merging_loses_nothing_and_may_be_repeated(old: Design, new: Design) -> None:
    merged = merge_designs(old, new)
    assert merge_designs(merged, new) == merged
    assert merge_designs(old, Design()) == old

    def codes(design: Design) -> set[tuple[str, str | None, str, str]]:
        return {
            (factor.label, factor.unit, level.value, code)
            for factor in design.factors
            for level in factor.levels
            for code in level.sample_codes
        }

    assert codes(merged) == codes(old) | codes(new)
