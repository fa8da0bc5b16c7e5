"""What HQL means, beyond the catalogue: expressions, subqueries, grouping, and laws of sets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.demo.omero.errors import StoreQueryError
from backends.demo.omero.store import OmeroStore
from backends.omero.transport import RInt, RTime
from tests.backends.demo.omero.laboratory import Desk, laboratory


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    store = OmeroStore(laboratory())
    yield Desk(store)
    store.shut_down()


EXPRESSIONS: list[tuple[str, list[list[object]]]] = [
    ("select i.name || '!' from Image i where i.id = 1", [["Alpha!"]]),
    (
        "select concat(i.name, '-', f.value) from Image i join i.format f where i.id = 2",
        [["beta-TIFF"]],
    ),
    ("select upper(i.name), lower(i.name) from Image i where i.id = 4", [["ÄRGER", "ärger"]]),
    ("select cast(i.id as string) from Image i where i.id = 4", [["4"]]),
    ("select cast(i.archived as string) from Image i where i.id = 1", [["true"]]),
    ("select cast(o.nominalMagnification as string) from Objective o", [["63"]]),
    ("select i.archived, i.partial from Image i where i.id = 1", [[True, False]]),
    ("select i.id * 2 + 1, -i.id, i.id / 2 from Image i where i.id = 3", [[7, -3, 1]]),
    ("select length(i.name), substring(i.name, 1, 2) from Image i where i.id = 1", [[5, "Al"]]),
    (
        (
            "select coalesce(i.acquisitionDate, i.details.creationEvent.time) from Image i"
            " where i.id = 2"
        ),
        [[1000]],
    ),
    (
        (
            "select case when i.id < 2 then 'first' else 'later' end from Image i where i.id"
            " < 3 order by i.id"
        ),
        [["first"], ["later"]],
    ),
    (
        (
            "select case f.value when 'TIFF' then 1 else 0 end from Image i join i.format f"
            " where i.id = 2"
        ),
        [[1]],
    ),
    ("select size(d.imageLinks) from Dataset d order by d.id", [[3], [1], [0]]),
    ("select d.id from Dataset d where d.imageLinks is empty", [[3]]),
    (
        (
            "select d.id, (select count(*) from DatasetImageLink l where l.parent = d) from"
            " Dataset d order by d.id"
        ),
        [[1, 3], [2, 1], [3, 0]],
    ),
    (
        (
            "select d.id from Dataset d where exists (select l from d.imageLinks l where"
            " l.child.id = 4)"
        ),
        [[2]],
    ),
    (
        (
            "select d.id from Dataset d where not exists (from ProjectDatasetLink l where"
            " l.child = d.id)"
        ),
        [[3]],
    ),
    ("select i.id from Image i where i.acquisitionDate is null order by i.id", [[2], [5]]),
    ("select i.id from Image i where i.name like 'Gamma\\_1'", [[3]]),
    ("select i.id from Image i where i.name like 'g%'", []),
    ("select i.id from Image i where i.name like 'Gamma!_1' escape '!'", [[3]]),
    ("select i.id from Image i where i.id between 2 and 3 order by i.id", [[2], [3]]),
    ("select i.id from Image i where i.id not in (1, 2, 3, 4, 5, 6)", [[8]]),
    ("select i.id from Image i where i.archived = true", [[1]]),
    (
        "select p.physicalSizeX from Pixels p where p.id = 1",
        [[{"value": 0.2, "unit": "MICROMETER", "symbol": "µm"}]],
    ),
    ("select p.physicalSizeX from Pixels p where p.id = 3", [[None]]),
    (
        "select cast(p.physicalSizeX.unit as string) from Pixels p order by p.id",
        [["µm"], ["nm"], [None]],
    ),
    ("select p.id from Pixels p where p.physicalSizeX.unit = 'NANOMETER'", [[2]]),
    ("select p.id from Pixels p where p.physicalSizeX.unit = 'nm'", [[2]]),
    ("select p.id from Pixels p where cast(p.physicalSizeX.unit as string) = 'nm'", [[2]]),
    (
        (
            "select a.id from Annotation a where a.class in (TagAnnotation, LongAnnotation)"
            " order by a.id"
        ),
        [[3], [4]],
    ),
    (
        (
            "select type(a.class), count(a.id) from Annotation a group by a.class order by"
            " count(a.id) desc, a.class"
        ),
        [
            ["ome.model.annotations.MapAnnotation", 2],
            ["ome.model.annotations.BooleanAnnotation", 1],
            ["ome.model.annotations.LongAnnotation", 1],
            ["ome.model.annotations.TagAnnotation", 1],
        ],
    ),
    ("select t.id from ome.model.annotations.TagAnnotation t", [[3]]),
    ("select a.textValue from TextAnnotation a", [["tumour"]]),
    ("select s.id, s.x, s.width from Shape s order by s.id", [[1, 1.5, 4.0], [2, 2.5, None]]),
    ("select e.x from Ellipse e", [[2.5]]),
    ("select name from Project where description = 'Study'", [["QABCD"]]),
    (
        "select d.name as label from Dataset d order by label desc",
        [["qempty"], ["QABCD002CD"], ["QABCD001AB"]],
    ),
    ("select distinct(l.parent.id) from DatasetImageLink l order by l.parent.id", [[1], [2]]),
    (
        "select i.id, d.id from Image i, Dataset d where i.name = 'beta' and d.name = 'qempty'",
        [[2, 3]],
    ),
    (
        (
            "select l.parent.id, count(*) from DatasetImageLink l group by l.parent.id"
            " having count(*) > 1"
        ),
        [[1, 3]],
    ),
    (
        (
            "select min(i.acquisitionDate), max(i.acquisitionDate), count(i.acquisitionDate)"
            " from Image i"
        ),
        [[1, 300, 5]],
    ),
    ("select sum(p.sizeZ), avg(p.sizeZ) from Pixels p", [[16, 16 / 3]]),
    ("select new list(i.id, i.name) from Image i where i.id = 1", [[[1, "Alpha"]]]),
    ("select minIndex(c), maxIndex(c) from Pixels p join p.channels c where p.id = 1", [[0, 1]]),
    ("select maxindex(p.channels) from Pixels p order by p.id", [[1], [0], [None]]),
    (
        (
            "select m.id from Pixels p left join p.channels c with c.id = 2 join p.image m"
            " where c.id is null order by m.id"
        ),
        [[2], [3]],
    ),
]


@pytest.mark.parametrize(("hql", "expected"), EXPRESSIONS, ids=[hql for hql, _ in EXPRESSIONS])
def test_expressions(desk: Desk, hql: str, expected: list[list[object]]) -> None:
    assert desk.ask(hql) == expected


def test_nulls_sort_last_going_up_and_first_going_down(desk: Desk) -> None:
    up = desk.column("select i.id from Image i order by i.acquisitionDate, i.id")
    down = desk.column("select i.id from Image i order by i.acquisitionDate desc, i.id desc")
    assert up == [6, 8, 1, 4, 3, 2, 5]
    assert down == [5, 2, 3, 4, 1, 8, 6]


def test_the_gateways_annotation_count_is_understood(desk: Desk) -> None:
    rows = desk.ask(
        """
        select sum( case when an.ns = :ratingns and an.class = LongAnnotation then 1 else 0 end),
        sum( case when (an.ns is null or an.ns != :ratingns) and an.class = LongAnnotation
        then 1 else 0 end), sum( case when an.class != LongAnnotation then 1 else 0 end ),
        type(an.class) from Annotation an where an.id in (select distinct(ann.id)
        from ImageAnnotationLink ial join ial.child as ann join ial.parent as i
        where i.id in (:ids)) group by an.class""",
        ids=[1, 3],
        ratingns="rating",
    )
    package = "ome.model.annotations"
    assert sorted(rows, key=str) == [
        [0, 0, 1, f"{package}.BooleanAnnotation"],
        [0, 0, 1, f"{package}.MapAnnotation"],
        [0, 0, 1, f"{package}.TagAnnotation"],
        [1, 0, 0, f"{package}.LongAnnotation"],
    ]


def test_other_clients_queries_are_understood(desk: Desk) -> None:
    in_dataset = (
        "SELECT i.id FROM Dataset d JOIN d.imageLinks dil JOIN dil.child i WHERE d.id=:dataset"
    )
    orphans = (
        "SELECT i.id FROM Image i WHERE NOT EXISTS (SELECT dil FROM DatasetImageLink dil"
        " WHERE dil.child=i.id) AND NOT EXISTS (SELECT ws FROM WellSample ws WHERE ws.image=i.id)"
        " ORDER BY i.id"
    )
    by_pair = (
        "select distinct obj.id from ImageAnnotationLink ial join ial.child ann join ann.mapValue"
        " mv join ial.parent obj where mv.name = :name and mv.value like :value"
    )
    assert sorted(desk.column(in_dataset, dataset=1)) == [1, 2, 3]
    assert desk.column(orphans) == [5, 6, 8]
    assert sorted(desk.column(by_pair, name="organ", value="l%")) == [1, 2]


def test_an_implicit_path_over_an_optional_reference_loses_rows_its_id_does_not(
    desk: Desk,
) -> None:
    crossed = "select i.id, i.fileset.templatePrefix from Image i order by i.id"
    untouched = "select i.id, i.fileset.id from Image i where i.id < 3 order by i.id"
    assert desk.ask(crossed) == [[1, "ann_2/"]]
    assert desk.ask(untouched) == [[1, 1], [2, None]]


@pytest.mark.parametrize(
    ("hql", "complaint"),
    [
        ("select i.foo from Image i", "'foo' of Image"),
        ("select i.pixels.foo from Image i", "collection 'pixels'"),
        ("select i.datasetLinks from Image i", "is a collection"),
        ("select x.id from Image i", "unknown alias 'x'"),
        ("select i.id from Imag i", "Imag is not mapped"),
        ("select i.id from Image i join i.name n", "is a scalar"),
        ("select i.id from Image i join Dataset d", "cannot join Dataset"),
        ("select i.id from Image i, Dataset i", "stands twice"),
        ("select i.name.x from Image i", "is a scalar"),
        ("select p.physicalSizeX.symbol from Pixels p", "value and unit"),
        ("select mv.key from MapAnnotation a join a.mapValue mv", "name and value"),
        ("select mv from MapAnnotation a join a.mapValue mv", "select name and value"),
        ("select e.details.owner.id from Experimenter e", "no details.owner"),
        ("select i.details.nothing from Image i", "no details.nothing"),
        ("select s.type.value from LightSource s", "subclasses of LightSource differ"),
        ("select soundex(i.name) from Image i", "unknown function 'soundex'"),
        ("select index(i) from Image i", "no element of a list"),
        ("select cast(i.id as blob) from Image i", "cannot cast"),
        ("select i.id from Image i where i.name = 4", "compares string with long"),
        ("select i.id from Image i where i.id = 'four'", "compares long with string"),
        ("select i.id from Image i where i.acquisitionDate > 4", "RTime"),
        ("select i.id from Image i where i.id", "must be true or false"),
        ("select i.id from Image i where lower(i.id) = 'a'", "takes a text"),
        ("select sum(i.name) from Image i", "sum() of a string"),
        ("select i.id from Image i where count(*) > 1", "Illegal query"),
        ("select i.id, count(*) from Image i", "grouped by"),
        ("select i.name, count(*) from Image i group by i.format", "grouped by"),
        ("select distinct i.id from Image i order by i.name", "must be selected"),
        ("select p.id from Pixels p where p.physicalSizeX.unit = 'fathom'", "'fathom' is no unit"),
        ("select a.id from Annotation a where a.class = Nothing", "Nothing is not mapped"),
        ("select new map(i.id) from Image i", "needs an alias"),
        (
            (
                "select i.id from Image i where i.id in (select l.id, l.child.id from"
                " DatasetImageLink l)"
            ),
            "one value",
        ),
    ],
)
def test_illegal_queries_are_refused_by_what_is_wrong(desk: Desk, hql: str, complaint: str) -> None:
    with pytest.raises(StoreQueryError) as refusal:
        desk.ask(hql)
    assert complaint in str(refusal.value)


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({}, "not all named parameters have been set: 'ids'"),
        ({"ids": [1], "more": 1}, "no parameter named 'more'"),
        ({"ids": []}, "empty list"),
        ({"ids": None}, ":ids is null"),
        ({"ids": [1, None]}, ":ids is null"),
        ({"ids": ["1"]}, "must be a number, not a text"),
        ({"ids": [True]}, "must be a number, not a boolean"),
        ({"ids": RTime(1)}, "must be a number, not a time"),
        ({"ids": range(32_768)}, "more than 32767"),
    ],
)
def test_parameters_are_checked_as_the_server_would(
    desk: Desk, params: dict[str, object], complaint: str
) -> None:
    with pytest.raises(StoreQueryError, match="Illegal query") as refusal:
        desk.ask("select i.id from Image i where i.id in (:ids)", **params)
    assert complaint in str(refusal.value)


def test_a_parameter_fits_the_side_it_is_compared_with(desk: Desk) -> None:
    by_time = "select i.id from Image i where i.acquisitionDate = :when"
    by_name = "select i.id from Image i where :name = i.name"
    by_depth = "select p.id from Pixels p where p.sizeZ = :z"
    by_unit = "select p.id from Pixels p where p.physicalSizeX.unit in (:units)"
    assert desk.column(by_time, when=RTime(200)) == [4]
    assert desk.column(by_name, name="beta") == [2]
    assert desk.column(by_depth, z=RInt(10)) == desk.column(by_depth, z=10.0) == [1]
    assert desk.column(by_unit, units=["nm", "MICROMETER"]) == [1, 2]
    with pytest.raises(StoreQueryError, match="RTime"):
        desk.ask(by_time, when=200)
    with pytest.raises(StoreQueryError, match="must be a text"):
        desk.ask(by_name, name=2)
    with pytest.raises(StoreQueryError, match="one value, not a list"):
        desk.ask(by_name, name=["beta"])
    with pytest.raises(StoreQueryError, match="no unit"):
        desk.ask(by_unit, units=["fathom"])


def test_what_is_too_deep_or_too_large_is_refused(desk: Desk) -> None:
    chain = " or ".join("i.id = 1" for _ in range(20_000))
    with pytest.raises(StoreQueryError, match="Illegal query"):
        desk.ask(f"select i.id from Image i where {chain}")  # noqa: S608 - HQL
    with pytest.raises(StoreQueryError, match="Illegal query"):
        desk.ask("select i.id from Image i where i.id = :one", one=2**70)


def test_text_is_never_taken_for_sql(desk: Desk) -> None:
    nasty = "x' or '1'='1"
    assert desk.ask("select i.id from Image i where i.name = :name", name=nasty) == []
    assert desk.ask("select i.id from Image i where i.name in (:names)", names=[nasty]) == []
    assert desk.ask("select i.id from Image i where i.name = 'x'' or ''1''=''1'") == []


ids = st.lists(st.integers(min_value=-2, max_value=12), min_size=1, max_size=20)


@given(chosen=ids)
def test_a_list_is_a_chain_of_ors(desk: Desk, chosen: list[int]) -> None:
    listed = "select i.id from Image i where i.id in (:ids) order by i.id"
    chain = " or ".join(f"i.id = {one}" for one in chosen)
    assert desk.ask(listed, ids=chosen) == desk.ask(
        f"select i.id from Image i where {chain} order by i.id"  # noqa: S608 - HQL
    )


@given(chosen=ids)
def test_a_count_counts_the_rows(desk: Desk, chosen: list[int]) -> None:
    clauses = "from Image i left outer join i.annotationLinks l where i.id in (:ids)"
    rows = desk.ask(f"select i.id, l.id {clauses}", ids=chosen)
    assert desk.ask(f"select count(*) {clauses}", ids=chosen) == [[len(rows)]]
    distinct = {row[0] for row in rows}
    assert desk.ask(f"select count(distinct i.id) {clauses}", ids=chosen) == [[len(distinct)]]


@given(limit=st.integers(min_value=1, max_value=9), descending=st.booleans())
def test_keyset_pages_put_together_are_the_whole(desk: Desk, limit: int, descending: bool) -> None:
    direction, beyond = ("desc", "<") if descending else ("", ">")
    order = f"order by lower(i.name) {direction}, i.id {direction}"
    everything = f"select lower(i.name), i.id from Image i {order}"  # noqa: S608 - HQL
    whole = desk.ask(everything)
    pages: list[list[object]] = []
    page = desk.store.projection(desk.session, everything, {}, limit=limit)
    while page:
        pages.extend(page)
        name, last = pages[-1]
        page = desk.store.projection(
            desk.session,
            f"""select lower(i.name), i.id from Image i where lower(i.name) {beyond} :name
            or (lower(i.name) = :name and i.id {beyond} :last) {order}""",  # noqa: S608 - HQL
            {"name": name, "last": last},
            limit=limit,
        )
    assert pages == whole


@settings(max_examples=50)
@given(offset=st.integers(min_value=0, max_value=9), limit=st.integers(min_value=0, max_value=9))
def test_offset_and_limit_cut_the_whole(desk: Desk, offset: int, limit: int) -> None:
    hql = "select i.id from Image i order by i.id"
    whole = desk.ask(hql)
    cut = desk.store.projection(desk.session, hql, {}, offset=offset, limit=limit)
    assert cut == whole[offset : offset + limit]


@given(text=st.text(max_size=8))
def test_a_literal_is_its_text(desk: Desk, text: str) -> None:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        return
    quoted = text.replace("'", "''")
    assert desk.ask(f"select '{quoted}' from Project p") == [[text]]  # noqa: S608 - HQL
