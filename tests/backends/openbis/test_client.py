"""The client against the embedded server: sessions, questions, call counts, failures."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from backends.demo.world import OpenbisContent
from backends.errors import (
    AccessDenied,
    AuthenticationFailed,
    BackendError,
    InvalidRequest,
    SessionExpired,
    Source,
    TimedOut,
    Unavailable,
)
from backends.fetch import Fetch
from backends.filters import (
    PageRequest,
    ProjectFilter,
    PropertyMatch,
    SampleFilter,
    Sort,
    StringMatch,
)
from backends.lane import Call
from backends.openbis.client import Count, Get, Search
from backends.records import Kind, PersonRecord

Start = Callable[..., Any]

EVERYTHING = Fetch.of(
    "type",
    "properties",
    "space",
    "registrator",
    project=Fetch.of("space"),
    ancestors=Fetch.of("type", "properties"),
    omics_datasets=Fetch.of("type", "properties", "location", "content_copies"),
)
LIVER = SampleFilter(project=ProjectFilter(code=StringMatch(eq="QHCC0")))


def page(limit: int, **options: Any) -> PageRequest:
    return PageRequest(limit, Sort("code"), **options)


# --- sessions ------------------------------------------------------------------------------------


async def test_a_session_from_login_to_logout(openbis: Any) -> None:
    call = Call()
    token = await openbis.client.login("plant", SecretStr("demo"), call)
    identity = await openbis.client.identity(token, call)
    assert identity.user_id == "plant"
    assert isinstance(identity.person, PersonRecord)
    assert not identity.personal_access_token
    await openbis.client.logout(token, call)
    with pytest.raises(SessionExpired):
        await openbis.client.identity(token, call)
    await openbis.client.logout(token, call)  # over already: no error
    assert openbis.log == [
        "login",
        "getSessionInformation",
        "logout",
        "getSessionInformation",
        "logout",
    ]


@pytest.mark.parametrize(("user", "password"), [("plant", "wrong"), ("nobody", "demo"), ("", "")])
async def test_a_wrong_password_is_refused(openbis: Any, user: str, password: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        await openbis.client.login(user, SecretStr(password), Call())
    assert "wrong" not in str(caught.value)


async def test_a_personal_access_token_is_not_logged_out(openbis: Any) -> None:
    await openbis.client.logout(SecretStr("$pat-anna-240101x00"), Call())
    assert openbis.log == []


async def test_expired_sessions(openbis: Any) -> None:
    token = await openbis.login()
    openbis.faults.expire_sessions()
    with pytest.raises(SessionExpired, match="log in again"):
        await openbis.ask(token, Count(Kind.SAMPLE))


async def test_what_the_server_says_of_itself(openbis: Any) -> None:
    server = await openbis.client.server(await openbis.login(), Call())
    assert server.api_version == "3.6"
    assert server.project_samples_enabled is False


# --- questions -----------------------------------------------------------------------------------


async def test_several_questions_make_one_round_trip(openbis: Any, content: OpenbisContent) -> None:
    token, call = await openbis.login(), Call()
    asked = content.samples[0].perm_id
    operations = [
        Search(Kind.SAMPLE, LIVER, page(10, count=True), EVERYTHING),
        Search(Kind.PROJECT, None, page(10), Fetch.of("space")),
        Get(Kind.SAMPLE, (asked,)),
        Get(Kind.SAMPLE, ()),
        Count(Kind.OMICS_DATASET),
    ]
    samples, projects, got, nothing, data_sets = await openbis.client.execute(
        token, operations, call
    )
    assert openbis.log == ["executeOperations"]
    assert call.meter.operations == [(Source.OPENBIS, "executeOperations")]
    assert len(samples.items) == 10
    assert samples.has_more
    assert samples.total == 402
    assert [each.code for each in projects.items] == ["DEFAULT", "QCLIN", "QHCC0", "QRUP2"]
    assert list(got) == [asked]
    assert nothing == {}
    assert data_sets == len(content.data_sets)


async def test_one_question_uses_its_own_method(openbis: Any, content: OpenbisContent) -> None:
    token = await openbis.login()
    await openbis.ask(token, Search(Kind.SAMPLE, None, page(1)))
    await openbis.ask(token, Get(Kind.PROJECT, (content.projects[0].perm_id,)))
    await openbis.ask(token, Count(Kind.EXPERIMENT))
    assert openbis.log == ["searchSamples", "getProjects", "searchExperiments"]


async def test_nothing_to_ask_sends_nothing(openbis: Any) -> None:
    token = await openbis.login()
    assert await openbis.ask(token) == []
    assert await openbis.ask(token, Get(Kind.SAMPLE, ()), Get(Kind.PROJECT, ())) == [{}, {}]
    assert openbis.log == []


async def test_a_later_page_with_its_total_is_one_round_trip(openbis: Any) -> None:
    token = await openbis.login()
    (first,) = await openbis.ask(token, Search(Kind.SAMPLE, LIVER, page(5)))
    operation = Search(Kind.SAMPLE, LIVER, page(5, key=first.keys[-1], count=True))
    (second,) = await openbis.ask(token, operation)
    assert openbis.log == ["searchSamples", "executeOperations"]
    assert second.total == 402
    assert second.items[0].code > first.items[-1].code


@pytest.mark.parametrize("references", ["none", "server", "adversarial"])
async def test_a_page_with_everything_is_the_same_however_references_are_written(
    start: Start, references: str
) -> None:
    openbis, plain = start(references=references), start(references="none")
    operation = Search(Kind.SAMPLE, LIVER, page(402), EVERYTHING)
    (found,) = await openbis.ask(await openbis.login(), operation)
    (expected,) = await plain.ask(await plain.login(), operation)
    assert found == expected
    assert len(found.items) == 402
    assert {sample.project.code for sample in found.items} == {"QHCC0"}
    runs = [each for each in found.items if each.type_code == "Q_NGS_SINGLE_SAMPLE_RUN"]
    assert all(run.omics_datasets and run.omics_datasets[0].size for run in runs)
    roots = {root.type_code for run in runs for root in _roots(run)}
    assert roots == {"Q_BIOLOGICAL_ENTITY"}


def _roots(sample: Any) -> list[Any]:
    return (
        [root for each in sample.parents for root in _roots(each)] if sample.parents else [sample]
    )


async def test_samples_of_one_experiment_share_its_record(openbis: Any) -> None:
    token = await openbis.login()
    operation = Search(Kind.SAMPLE, LIVER, page(402), Fetch.of(experiment=Fetch.of("type")))
    (found,) = await openbis.ask(token, operation)
    records = {id(sample.experiment) for sample in found.items}
    assert len(records) == len({sample.experiment.perm_id for sample in found.items})


async def test_get_answers_by_the_ids_as_they_were_asked(
    openbis: Any, content: OpenbisContent
) -> None:
    token = await openbis.login()
    project = next(each for each in content.projects if each.code == "QHCC0")
    asked = ("/hepatology/qhcc0", project.perm_id, "20000101000000000-1", "/NO/WHERE")
    (found,) = await openbis.ask(token, Get(Kind.PROJECT, asked))
    assert list(found) == ["/hepatology/qhcc0", project.perm_id]
    assert {record.perm_id for record in found.values()} == {project.perm_id}


async def test_many_ids_are_chunked_within_one_round_trip(
    openbis: Any, content: OpenbisContent
) -> None:
    token = await openbis.login()
    asked = tuple(sample.perm_id for sample in content.samples)
    (found,) = await openbis.ask(token, Get(Kind.SAMPLE, asked, Fetch.of("type")))
    assert len(asked) > 1000
    assert openbis.log == ["executeOperations"]
    types = {sample.perm_id: sample.type for sample in content.samples}
    visible = {each.perm_id: each.type_code for each in found.values()}
    assert visible.items() <= types.items()
    assert len(visible) >= len(asked) - 1


async def test_each_person_sees_their_own_spaces(openbis: Any) -> None:
    seen = {}
    for user in ("steward", "plant", "oncology", "genomics"):
        operation = Search(Kind.PROJECT, None, page(10))
        (projects,) = await openbis.ask(await openbis.login(user), operation)
        seen[user] = {project.code for project in projects.items} - {"DEFAULT"}
    assert seen == {
        "steward": {"QRUP2", "QCLIN", "QHCC0"},
        "plant": {"QRUP2"},
        "oncology": {"QCLIN", "QHCC0"},
        "genomics": {"QCLIN", "QHCC0"},
    }


async def test_a_person_without_any_role_is_told_so(openbis: Any) -> None:
    token = await openbis.login("microscopy")
    assert (await openbis.client.identity(token, Call())).user_id == "microscopy"
    with pytest.raises(AccessDenied, match="ask for the right"):
        await openbis.ask(token, Search(Kind.PROJECT, None, page(10)))


async def test_types_with_properties_and_terms_in_one_call(openbis: Any) -> None:
    token = await openbis.login()
    types = await openbis.client.entity_types(token, Kind.SAMPLE, Call())
    assert openbis.log == ["searchSampleTypes"]
    test_sample = next(each for each in types if each.code == "Q_TEST_SAMPLE")
    analyte = next(each for each in test_sample.properties if each.code == "Q_SAMPLE_TYPE")
    assert analyte.data_type == "CONTROLLEDVOCABULARY"
    assert analyte.vocabulary is not None
    assert {"DNA", "RNA"} <= {term.code for term in analyte.vocabulary.terms}
    with pytest.raises(InvalidRequest):
        await openbis.client.entity_types(token, Kind.PROJECT, Call())


async def test_a_text_comparison_that_openbis_refuses(openbis: Any) -> None:
    token = await openbis.login()
    match = PropertyMatch("Q_AGE_AT_DIAGNOSIS", StringMatch(contains="5"))
    with pytest.raises(InvalidRequest, match="check codes, ids and values"):
        await openbis.ask(token, Count(Kind.SAMPLE, SampleFilter(properties=(match,))))


# --- failures ------------------------------------------------------------------------------------


async def test_down_then_refused_at_once_then_back(start: Start) -> None:
    openbis = start(recovery=0.05)
    token = await openbis.login()
    openbis.faults.off = True
    for _ in range(2):
        with pytest.raises(Unavailable, match="openBIS is not reachable"):
            await openbis.ask(token, Count(Kind.SAMPLE))
    assert openbis.lane.is_open
    openbis.log.clear()
    call = Call()
    with pytest.raises(Unavailable):
        await openbis.client.execute(token, [Count(Kind.SAMPLE)], call)
    assert call.meter.calls == {}
    openbis.faults.off = False
    await asyncio.sleep(0.06)
    (count,) = await openbis.ask(token, Count(Kind.PROJECT))
    assert count == 4
    assert not openbis.lane.is_open


async def test_one_server_error_is_survived_by_a_read(openbis: Any) -> None:
    token = await openbis.login()
    openbis.faults.fail_next["searchSamples"] = 1
    call = Call()
    (count,) = await openbis.client.execute(token, [Count(Kind.SAMPLE, LIVER)], call)
    assert count == 402
    assert call.meter.calls == {Source.OPENBIS: 2}


async def test_a_login_is_not_repeated(openbis: Any) -> None:
    openbis.faults.fail_next["login"] = 1
    call = Call()
    with pytest.raises(Unavailable):
        await openbis.client.login("steward", SecretStr("demo"), call)
    assert call.meter.calls == {Source.OPENBIS: 1}


async def test_the_deadline_holds_in_process_too(openbis: Any) -> None:
    token = await openbis.login()
    openbis.faults.latency = 30.0
    started = time.monotonic()
    with pytest.raises(TimedOut):
        await openbis.client.execute(token, [Count(Kind.SAMPLE)], Call(deadline=started + 0.05))
    assert time.monotonic() - started < 5


async def test_cancelling_the_caller_ends_the_call(openbis: Any) -> None:
    token = await openbis.login()
    openbis.faults.latency = 30.0
    task = asyncio.create_task(openbis.ask(token, Count(Kind.SAMPLE)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_no_secret_in_any_error_or_representation(
    openbis: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    token = await openbis.login()
    secret = token.get_secret_value()
    shown = [repr(token), repr(openbis.client), str(openbis.client)]
    openbis.faults.fail_next["getSessionInformation"] = 2
    shown.append(await _shown(openbis.client.identity(token, Call())))
    openbis.faults.expire_sessions()
    shown.append(await _shown(openbis.ask(token, Count(Kind.SAMPLE))))
    shown.append(await _shown(openbis.client.login("steward", SecretStr("s3cret"), Call())))
    openbis.faults.off = True
    shown.append(await _shown(openbis.ask(token, Count(Kind.SAMPLE))))
    text = "\n".join([*shown, caplog.text])
    assert secret not in text
    assert "s3cret" not in text


async def _shown(awaitable: Any) -> str:
    with pytest.raises(BackendError) as caught:
        await awaitable
    error: BaseException | None = caught.value
    parts = []
    while error is not None:
        parts.append(f"{error} {error!r} {error.args}")
        error = error.__cause__
    return "\n".join(parts)
