"""What the adapter promises of any openBIS, whichever way it is reached; nothing is written.

The tests find out for themselves what there is, so that they hold on a server that they do not
know; where it is the embedded one, its request log is compared too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from backends.errors import (
    AccessDenied,
    AuthenticationFailed,
    BackendError,
    InvalidRequest,
    OutcomeUnknown,
    SessionExpired,
)
from backends.fetch import Fetch
from backends.filters import (
    DateMatch,
    OmicsFilter,
    PageRequest,
    ProjectFilter,
    SampleFilter,
    Sort,
    StringMatch,
)
from backends.lane import Call
from backends.openbis.client import Count, Get, Search
from backends.records import Kind, ProjectRecord, SampleRecord
from tests.backends.openbis.contract.conftest import Way

BY_CODE = Sort("code")
ROWS = 7
RELATED = Fetch.of(
    "type",
    "properties",
    "space",
    "registrator",
    parents=Fetch.of("type"),
    children=Fetch.of("type"),
    omics_datasets=Fetch.of("type", "properties", "location"),
)


async def samples(way: Way, token: SecretStr, count: int, fetch: Fetch = RELATED) -> list[Any]:
    page = PageRequest(count, Sort("registered"))
    (answer,) = await way.ask(token, Search(Kind.SAMPLE, None, page, fetch))
    if not answer.items:
        pytest.skip("this openBIS has no samples that the user may see")
    return list(answer.items)


# --- sessions ------------------------------------------------------------------------------------


async def test_a_session_from_login_to_logout(way: Way) -> None:
    token = await way.login()
    identity = await way.client.identity(token, Call())
    assert identity.user_id == way.user
    assert not identity.personal_access_token
    server = await way.client.server(token, Call())
    assert server.api_version is not None
    assert server.api_version.startswith("3.")
    await way.client.logout(token, Call())
    with pytest.raises(SessionExpired):
        await way.client.identity(token, Call())
    with pytest.raises(SessionExpired):
        await way.ask(token, Count(Kind.SAMPLE))
    await way.client.logout(token, Call())


async def test_wrong_credentials(way: Way) -> None:
    with pytest.raises(AuthenticationFailed):
        await way.client.login(way.user, SecretStr("certainly not this"), Call())
    with pytest.raises(AuthenticationFailed):
        await way.client.login("nobody-by-this-name", way.password, Call())


async def test_a_made_up_session(way: Way) -> None:
    token = SecretStr(f"{way.user}-240101120000000x00000000000000000000000000000000")
    with pytest.raises(SessionExpired):
        await way.ask(token, Count(Kind.PROJECT))


# --- pages and totals ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("sort", [BY_CODE, Sort("code", descending=True)], ids=["up", "down"])
async def test_pages_are_disjoint_and_in_order(way: Way, kind: Kind, sort: Sort) -> None:
    token = await way.login()
    seen: list[Any] = []
    key = None
    for _ in range(3):
        page = PageRequest(ROWS, sort, key=key, count=True)
        (answer,) = await way.ask(token, Search(kind, None, page))
        seen += answer.items
        if not answer.has_more:
            assert len(seen) == answer.total
            break
        key = answer.keys[-1]
    perm_ids = [record.perm_id for record in seen]
    assert len(set(perm_ids)) == len(perm_ids)
    codes = [record.code for record in seen]
    assert codes == sorted(codes, reverse=sort.descending)


@pytest.mark.parametrize("kind", list(Kind))
async def test_a_count_is_the_total_of_a_search(way: Way, kind: Kind) -> None:
    token = await way.login()
    (counted, answer) = await way.ask(
        token, Count(kind), Search(kind, None, PageRequest(1, BY_CODE, count=True))
    )
    assert counted == answer.total
    if way.log is not None:
        assert way.log == ["executeOperations"]


async def test_backward_is_forward_turned_round(way: Way) -> None:
    token = await way.login()
    (forward,) = await way.ask(token, Search(Kind.SAMPLE, None, PageRequest(2 * ROWS, BY_CODE)))
    if len(forward.items) < 2 * ROWS:
        pytest.skip("this openBIS has too few samples")
    page = PageRequest(ROWS, BY_CODE, key=forward.keys[-1], backward=True)
    (backward,) = await way.ask(token, Search(Kind.SAMPLE, None, page))
    assert backward.items == forward.items[ROWS - 1 : -1]


# --- look-ups ------------------------------------------------------------------------------------


async def test_what_a_search_finds_a_look_up_finds(way: Way) -> None:
    token = await way.login()
    found = await samples(way, token, 40)
    by_perm_id, by_identifier = await way.ask(
        token,
        Get(Kind.SAMPLE, tuple(each.perm_id for each in found), RELATED),
        Get(Kind.SAMPLE, tuple(each.identifier for each in found), RELATED),
    )
    assert by_perm_id == {each.perm_id: each for each in found}
    assert by_identifier == {each.identifier: each for each in found}


async def test_identifiers_may_be_written_small_but_perm_ids_are_as_they_are(way: Way) -> None:
    token = await way.login()
    first = (await samples(way, token, 1))[0]
    small = first.identifier.lower()
    projects: Any
    (got, (projects)) = await way.ask(
        token,
        Get(Kind.SAMPLE, (small, first.perm_id)),
        Search(Kind.PROJECT, None, PageRequest(1, BY_CODE)),
    )
    assert set(got) == {small, first.perm_id}
    assert got[small].identifier == first.identifier
    project: ProjectRecord = projects.items[0]
    code = SampleFilter(code=StringMatch(eq=first.code.lower()))
    named = ProjectFilter(code=StringMatch(eq=project.code.lower()))
    by_code, by_project = await way.ask(
        token,
        Search(Kind.SAMPLE, code, PageRequest(50, BY_CODE)),
        Search(Kind.PROJECT, named, PageRequest(50, BY_CODE)),
    )
    assert first.perm_id in {each.perm_id for each in by_code.items}
    assert {each.code for each in by_project.items} == {project.code}


async def test_who_is_not_there_is_missing_and_no_error(way: Way) -> None:
    token = await way.login()
    first = (await samples(way, token, 1))[0]
    absent = ("19700101000000000-1", "/NO_SUCH_SPACE/NO_SUCH_SAMPLE")
    (got,) = await way.ask(token, Get(Kind.SAMPLE, (absent[0], first.perm_id, absent[1])))
    assert list(got) == [first.perm_id]


@pytest.mark.parametrize("number", [1, 100, 5000])
async def test_any_number_of_ids_is_one_call(way: Way, number: int) -> None:
    token, call = await way.login(), Call()
    found = await samples(way, token, min(number, 500), Fetch.of())
    padding = tuple(f"19700101000000000-{each}" for each in range(number - len(found)))
    asked = tuple(each.perm_id for each in found) + padding
    if way.log is not None:
        way.log.clear()
    (got,) = await way.client.execute(token, [Get(Kind.SAMPLE, asked)], call)
    assert set(got) == {each.perm_id for each in found}
    assert len(call.meter.operations) == 1
    if way.log is not None:
        assert len(way.log) == 1


# --- records and filters -------------------------------------------------------------------------


async def test_records_are_whole(way: Way) -> None:
    token = await way.login()
    for record in await samples(way, token, 50):
        assert isinstance(record, SampleRecord)
        assert record.identifier.endswith(record.code)
        assert record.type_code
        assert record.registered_at is not None
        assert datetime(2000, 1, 1, tzinfo=UTC) < record.registered_at < datetime.now(UTC)
        for parent in record.parents or ():
            assert parent.perm_id != record.perm_id
            assert parent.type_code
        for data_set in record.omics_datasets or ():
            assert data_set.type_code
        for each in record.properties or ():
            assert each.code == each.code.upper()
            assert all(isinstance(value, str) for value in each.values)


async def test_parents_and_children_agree(way: Way) -> None:
    token = await way.login()
    child = next((each for each in await samples(way, token, 300) if each.parents), None)
    if child is None:
        pytest.skip("no sample with parents among the first ones")
    (got,) = await way.ask(
        token, Get(Kind.SAMPLE, tuple(each.perm_id for each in child.parents), RELATED)
    )
    for parent in got.values():
        assert child.perm_id in {each.perm_id for each in parent.children}


async def test_all_that_a_filter_finds_satisfies_it(way: Way) -> None:
    token = await way.login()
    first = (await samples(way, token, 1))[0]
    filters = {
        "type": SampleFilter(type=StringMatch(eq=first.type_code)),
        "start": SampleFilter(code=StringMatch(starts_with=first.code[:3])),
        "since": SampleFilter(registered=DateMatch(since=first.registered_at)),
    }
    page = PageRequest(30, BY_CODE)
    fetch = Fetch.of("type")
    answers = await way.ask(
        token, *(Search(Kind.SAMPLE, each, page, fetch) for each in filters.values())
    )
    by_type, by_start, by_date = (answer.items for answer in answers)
    assert {each.type_code for each in by_type} == {first.type_code}
    assert {each.code[:3] for each in by_start} == {first.code[:3]}
    assert all(each.registered_at >= first.registered_at for each in by_date)


async def test_data_sets_of_a_sample_are_found_from_both_sides(way: Way) -> None:
    token = await way.login()
    (answer,) = await way.ask(
        token, Search(Kind.OMICS_DATASET, None, PageRequest(20, BY_CODE), Fetch.of(sample=Fetch()))
    )
    owner = next((each.sample for each in answer.items if each.sample is not None), None)
    if owner is None:
        pytest.skip("no data set with a sample among the first ones")
    of_sample = OmicsFilter(sample=SampleFilter(perm_id=StringMatch(eq=owner.perm_id)))
    (got, found) = await way.ask(
        token,
        Get(Kind.SAMPLE, (owner.perm_id,), RELATED),
        Search(Kind.OMICS_DATASET, of_sample, PageRequest(500, BY_CODE)),
    )
    whole = {each.perm_id for each in got[owner.perm_id].omics_datasets}
    assert whole == {each.perm_id for each in found.items}


async def test_types_describe_the_properties_that_samples_have(way: Way) -> None:
    token = await way.login()
    types = {each.code: each for each in await way.client.entity_types(token, Kind.SAMPLE, Call())}
    for record in await samples(way, token, 50):
        known = {each.code for each in types[record.type_code].properties}
        assert {each.code for each in record.properties} <= known


async def test_a_write_that_is_refused_is_told_apart(way: Way) -> None:
    if way.log is None:
        pytest.skip("a live openBIS is only read")
    token = await way.login()
    nonsense = {"@type": "as.dto.nonsense.create.CreateNonsenseOperation", "creations": []}
    with pytest.raises(BackendError) as caught:
        await way.client.perform(token, [nonsense], Call())
    assert not isinstance(caught.value, OutcomeUnknown), "openBIS has answered"
    assert way.log == ["executeOperations"]
    assert await way.client.perform(token, [], Call()) == []
    assert way.log == ["executeOperations"]


async def test_a_personal_access_token_is_good_for_all_but_itself(way: Way) -> None:
    if way.log is None:
        pytest.skip("a live openBIS is only read")
    session = await way.login()
    made = await way.client.obtain_token(session, "contract", Call())
    again = await way.client.obtain_token(session, "contract", Call())
    assert again.secret == made.secret
    assert made.owner == way.user
    identity = await way.client.identity(made.secret, Call())
    assert (identity.user_id, identity.personal_access_token) == (way.user, True)
    with_session = await way.ask(session, Count(Kind.SAMPLE))
    assert await way.ask(made.secret, Count(Kind.SAMPLE)) == with_session
    await way.client.logout(made.secret, Call())
    assert await way.ask(made.secret, Count(Kind.SAMPLE)) == with_session
    with pytest.raises(AccessDenied):
        await way.client.obtain_token(made.secret, "another", Call())


async def test_a_transaction_is_done_whole_or_not_at_all(way: Way) -> None:
    if way.log is None:
        pytest.skip("a live openBIS is only read")
    token = await way.login()
    code = f"CONTRACT_{way.client._wire.transport.__class__.__name__}".upper()
    create = {
        "@type": "as.dto.space.create.CreateSpacesOperation",
        "creations": [{"@type": "as.dto.space.create.SpaceCreation", "code": code}],
    }
    twice = {**create, "creations": create["creations"] * 2}
    with pytest.raises(InvalidRequest):
        await way.client.perform(token, [create, twice], Call())
    assert (await way.ask(token, Get(Kind.SPACE, (code,)))) == [{}]
    (result,) = await way.client.perform(token, [create], Call())
    assert [each["permId"] for each in result["objectIds"]] == [code]
    assert list((await way.ask(token, Get(Kind.SPACE, (code,))))[0]) == [code]
