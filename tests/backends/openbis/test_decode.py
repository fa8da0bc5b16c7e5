"""References are resolved wherever the definition stands, and each object is read once."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import ProtocolError
from backends.fetch import Fetch
from backends.openbis.decode import Decoder
from backends.openbis.fetch_options import plan
from backends.records import Kind, OmicsDatasetRecord, PersonRecord, PropertyRecord, SampleRecord

FETCH = Fetch.of(
    "type",
    "properties",
    "space",
    "registrator",
    project=Fetch.of("space", "leader"),
    ancestors=Fetch.of("type", "properties", "registrator"),
    omics_datasets=Fetch.of("type", "properties", "location", "content_copies", "registrator"),
)


class Bean(dict[str, Any]):
    """An object of an answer; where the same one stands twice, the wire may write a number."""


def write(root: Any, style: str) -> Any:
    """Number the beans of a graph and write it: `none`, `server` (first wins) or `late`."""
    return Writer(style).value(root)


class Writer:
    def __init__(self, style: str) -> None:
        self.share = style != "none"
        # Late: what comes last is written first, so that numbers stand before their definitions.
        self.step = -1 if style == "late" else 1
        self.numbers: dict[int, int] = {}
        self.next = 0

    def value(self, value: Any) -> Any:
        if isinstance(value, Bean):
            if self.share and id(value) in self.numbers:
                return self.numbers[id(value)]
            self.next += 1
            number = self.numbers[id(value)] = self.next
            return {"@type": "as.dto.Any", "@id": number} | self.entries(value)
        if isinstance(value, dict):
            return self.entries(value)
        if isinstance(value, list):
            return [self.value(each) for each in value[:: self.step]][:: self.step]
        return value

    def entries(self, value: dict[str, Any]) -> dict[str, Any]:
        written = {key: self.value(value[key]) for key in list(value)[:: self.step]}
        return {key: written[key] for key in value}


def entity(number: int, identifier: str | None = None, **more: Any) -> Bean:
    bean = Bean(
        fetchOptions=Bean(parents=Bean()),
        permId=Bean(permId=f"2024-{number}"),
        code=f"CODE{number}",
        registrationDate=1_704_106_800_000 + number,
        modificationDate=number,
        **more,
    )
    if identifier is not None:
        bean["identifier"] = Bean(identifier=identifier)
    return bean


@st.composite
def answers(draw: st.DrawFn) -> Bean:
    """A search result over samples that share types, persons, experiments, parents."""

    def pick(pool: list[Bean], *, least: int = 0) -> list[Bean]:
        indexes = st.lists(st.integers(0, len(pool) - 1), min_size=least, max_size=3)
        return [pool[index] for index in draw(indexes)] if pool else []

    def one(pool: list[Bean]) -> Bean | None:
        return draw(st.sampled_from([None, *pool]))

    # Integers that are values: they must never be taken for references.
    values = st.one_of(st.none(), st.text(max_size=3), st.integers(1, 9), st.booleans())
    properties = st.dictionaries(
        st.sampled_from(["Q_A", "q_b", "$NAME"]), st.one_of(values, st.lists(values, max_size=2))
    )
    persons = [Bean(userId=f"user{n}", firstName=None, lastName="L") for n in range(2)]
    types = [Bean(code=f"TYPE{n}") for n in range(2)]
    spaces = [Bean(code=f"SPACE{n}") for n in range(2)]
    projects = [
        entity(10 + n, f"/S/P{n}", space=one(spaces), leader=one(persons), description=None)
        for n in range(2)
    ]
    experiments = [entity(20 + n, f"/S/P/E{n}", project=one(projects)) for n in range(2)]
    systems = [Bean(code="OMERO", label="l", urlTemplate=None)]
    data_sets = [
        entity(
            30 + n,
            kind="PHYSICAL",
            type=one(types),
            properties=draw(properties),
            registrator=one(persons),
            physicalData=draw(
                st.sampled_from([None, Bean(size=n + 1, location="1", fileFormatType=one(types))])
            ),
            linkedData=Bean(
                contentCopies=[Bean(externalCode="Image:1", path=None, externalDms=one(systems))]
            ),
        )
        for n in range(3)
    ]
    samples: list[Bean] = []
    for n in range(draw(st.integers(1, 5))):
        sample = entity(
            40 + n,
            f"/S/S{n}",
            type=one(types),
            space=one(spaces),
            properties=draw(st.one_of(st.none(), properties)),
            registrator=one(persons),
            experiment=one(experiments),
            project=one(projects),
            dataSets=pick(data_sets),
            parents=pick(samples),
        )
        samples.append(sample)
    return Bean(objects=pick(samples, least=1), totalCount=2)


def read(result: Any, fetch: Fetch = FETCH, kind: Kind = Kind.SAMPLE) -> list[Any]:
    decoder = Decoder(result)
    return decoder.records(decoder.objects(result), plan(kind, fetch))


@given(answers())
def test_three_ways_to_write_references_read_the_same(answer: Bean) -> None:
    plain = read(write(answer, "none"))
    assert read(write(answer, "server")) == plain
    assert read(write(answer, "late")) == plain
    assert [record.code for record in plain] == [bean["code"] for bean in answer["objects"]]


@given(answers())
def test_one_object_is_one_record(answer: Bean) -> None:
    records = read(write(answer, "server"))
    experiments = [record.experiment for record in records if record.experiment is not None]
    assert len({id(each) for each in experiments}) == len({each.perm_id for each in experiments})
    assert len({id(each) for each in records}) == len({each.perm_id for each in records})


def test_what_was_asked_for_and_no_more() -> None:
    sample = entity(1, "/S/S1", type=Bean(code="T"), properties={"Q": "x"}, parents=[])
    (record,) = read(write(Bean(objects=[sample]), "server"), Fetch.of("type", "parents"))
    assert record == SampleRecord(
        perm_id="2024-1",
        code="CODE1",
        identifier="/S/S1",
        registered_at=datetime(2024, 1, 1, 11, 0, 0, 1000, tzinfo=UTC),
        modified_at=datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC),
        type_code="T",
        parents=(),
        fetched=frozenset({"type", "parents"}),
    )


def test_a_sample_takes_the_project_of_its_experiment() -> None:
    project = entity(2, "/S/P", description="d")
    sample = entity(1, "/S/S1", experiment=entity(3, "/S/P/E", project=project), project=None)
    (record,) = read(write(Bean(objects=[sample]), "server"), Fetch.of("project"))
    assert record.project.identifier == "/S/P"
    assert record.project is record.experiment.project
    assert record.fetched == {"project", "experiment"}


def test_a_linked_data_set() -> None:
    system = Bean(code="OMERO", label="OMERO here", urlTemplate="https://o.example/${externalCode}")
    data_set = entity(
        1,
        kind="LINK",
        linkedData=Bean(contentCopies=[Bean(externalCode="Image:123", externalDms=system)]),
    )
    found = read(
        write(Bean(objects=[data_set]), "server"), Fetch.of("content_copies"), Kind.OMICS_DATASET
    )
    record: OmicsDatasetRecord = found[0]
    assert record.kind == "LINK"
    (copy,) = record.content_copies
    assert (copy.external_code, copy.path) == ("Image:123", None)
    assert (copy.system_code, copy.system_label) == ("OMERO", "OMERO here")
    assert copy.url_template == "https://o.example/${externalCode}"


def test_property_values_of_old_and_new_servers() -> None:
    properties = {"$name": "n", "Q_LIST": ["a", None, "b"], "Q_INT": 7, "Q_NO": None, "Q_YES": True}
    sample = entity(1, "/S/S1", properties=properties)
    (record,) = read(write(Bean(objects=[sample]), "server"), Fetch.of("properties"))
    assert record.properties == (
        PropertyRecord("$NAME", ("n",)),
        PropertyRecord("Q_LIST", ("a", "b")),
        PropertyRecord("Q_INT", ("7",)),
        PropertyRecord("Q_YES", ("true",)),
    )


def test_a_circle_in_the_answer_ends() -> None:
    one, other = entity(1, "/S/S1"), entity(2, "/S/S2")
    one["parents"], other["parents"] = [other], [one]
    (record,) = read(write(Bean(objects=[one]), "server"), Fetch.of("ancestors"))
    assert record.parents[0].parents[0].code == "CODE1"
    assert record.parents[0].parents[0].parents == ()


def test_references_across_operations() -> None:
    person = Bean(userId="anna", firstName="Anna", lastName=None)
    first = Bean(objects=[entity(1, "/S/P1", registrator=person)])
    second = Bean(objects=[entity(2, "/S/P2", registrator=person)])
    written = write(Bean(results=[first, second]), "late")
    decoder = Decoder(written)
    wanted = plan(Kind.PROJECT, Fetch.of("registrator"))
    records = [
        record
        for result in decoder.beans(written["results"])
        for record in decoder.records(decoder.objects(result), wanted)
    ]
    assert [record.registrator for record in records] == [PersonRecord("anna", "Anna", None)] * 2
    assert records[0].registrator is records[1].registrator


def test_get_results_as_map_and_as_lists() -> None:
    bean = entity(1, "/S/P1")
    as_map = write({"2024-1": bean, "/S/P1": bean, "/S/GONE": None}, "server")
    as_lists = write(
        Bean(ids=[Bean(permId="2024-1"), Bean(identifier="/S/P1")], objects=[bean, bean]), "late"
    )
    assert as_map["/S/P1"] == as_map["2024-1"]["@id"]
    for result in (as_map, as_lists):
        pairs = Decoder(result).pairs(result)
        assert [asked for asked, _ in pairs] == ["2024-1", "/S/P1"]
        assert pairs[0][1] is pairs[1][1]


def without(key: str) -> Callable[[Bean], None]:
    return lambda bean: bean.pop(key)


@pytest.mark.parametrize(
    "damage",
    [
        without("permId"),
        without("code"),
        without("identifier"),
        lambda bean: bean.update(code=None),
        lambda bean: bean.update(parents=[999]),
        lambda bean: bean.update(parents={"a": 1}),
        lambda bean: bean.update(registrator="anna"),
        lambda bean: bean.update(registrationDate="today"),
        lambda bean: bean.update(registrationDate=10**18),
        lambda bean: bean.update(properties=[1]),
    ],
)
def test_a_damaged_answer_is_a_protocol_error(damage: Callable[[Bean], None]) -> None:
    bean = entity(1, "/S/S1", parents=[])
    damage(bean)
    with pytest.raises(ProtocolError):
        read(
            write(Bean(objects=[bean]), "server"), Fetch.of("parents", "registrator", "properties")
        )


@pytest.mark.parametrize("result", [None, 5, "text", [], {"objects": 3}])
def test_a_result_of_another_shape_is_a_protocol_error(result: Any) -> None:
    with pytest.raises(ProtocolError):
        read(result)
