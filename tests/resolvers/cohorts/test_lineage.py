"""The way up from a sample, whichever way the samples were read."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from backends.records import SampleRecord
from resolvers.cohorts.lineage import Lineage


def record(name: str, **relations: tuple[SampleRecord, ...]) -> SampleRecord:
    return replace(SampleRecord(name, name, f"/S/{name}", None, None), **relations)


@st.composite
def families(draw: st.DrawFn) -> list[list[int]]:
    """For each sample the earlier samples that it was made of."""
    size = draw(st.integers(1, 8))
    return [
        draw(st.lists(st.integers(0, number - 1), max_size=2, unique=True)) if number else []
        for number in range(size)
    ]


def ancestors(family: list[list[int]], number: int) -> set[str]:
    found = {str(number)}
    for parent in family[number]:
        found |= ancestors(family, parent)
    return found


@settings(deadline=None)
@given(families())
def test_from_ancestors(family: list[list[int]]) -> None:
    records: list[SampleRecord] = []
    for number, parents in enumerate(family):
        records.append(record(str(number), parents=tuple(records[each] for each in parents)))
    lineage = Lineage()
    for each in reversed(records):
        lineage.add(each)
    for number in range(len(family)):
        assert lineage.above(str(number)) == ancestors(family, number)
        assert list(lineage.generations(str(number)))[0] == [str(number)]  # noqa: RUF015
    assert sorted(lineage.units_above(str(len(family) - 1), {"0"})) == sorted(
        ancestors(family, len(family) - 1) & {"0"}
    )


@settings(deadline=None)
@given(families())
def test_from_descendants(family: list[list[int]]) -> None:
    records: dict[int, SampleRecord] = {}
    for number in reversed(range(len(family))):
        below = tuple(records[each] for each in records if number in family[each])
        records[number] = record(str(number), children=below)
    lineage = Lineage()
    for number, each in records.items():
        tree = lineage.add_tree(each)
        assert tree == {str(other) for other in records if str(number) in ancestors(family, other)}
    for number in records:
        assert lineage.above(str(number)) == ancestors(family, number)
