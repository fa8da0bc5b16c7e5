"""The lane: bounded, timed, repeated once if safe, broken when the source is dead."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from backends.errors import BudgetSpent, NotFound, Source, TimedOut, Unavailable
from backends.lane import Call, Lane

SOURCE = Source.OPENBIS
RECOVERY = 0.05


class Remote:
    """A source whose answers are scripted: an exception is raised, anything else returned."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.attempts = 0

    async def __call__(self) -> object:
        self.attempts += 1
        answer = self.answers.pop(0) if self.answers else "answer"
        if isinstance(answer, Exception):
            raise answer
        return answer


def down() -> Unavailable:
    return Unavailable(SOURCE, "gone")


def lane(**options: float) -> Lane:
    return Lane(SOURCE, **({"recovery": RECOVERY} | options))  # type: ignore[arg-type]


async def open_breaker(broken: Lane, failures: int = 3) -> None:
    for _ in range(failures):
        with pytest.raises(Unavailable):
            await broken.call("search", Remote(down()), Call(), safe=False)


async def test_an_answer_passes_and_is_counted() -> None:
    call = Call()
    assert await lane().call("searchSamples", Remote(["row"]), call) == ["row"]
    assert call.meter.calls == {SOURCE: 1}
    assert call.meter.operations == [(SOURCE, "searchSamples")]
    assert call.meter.milliseconds[SOURCE] >= 0


async def test_a_read_is_repeated_once_when_the_source_was_briefly_gone() -> None:
    remote, call = Remote(down(), "row"), Call()
    assert await lane().call("search", remote, call) == "row"
    assert remote.attempts == 2
    assert call.meter.calls == {SOURCE: 2}


async def test_a_read_is_not_repeated_twice() -> None:
    remote = Remote(down(), down(), "row")
    with pytest.raises(Unavailable):
        await lane().call("search", remote, Call())
    assert remote.attempts == 2


async def test_a_write_is_never_repeated() -> None:
    remote = Remote(down(), "done")
    with pytest.raises(Unavailable):
        await lane().call("create", remote, Call(), safe=False)
    assert remote.attempts == 1


@pytest.mark.parametrize("error", [NotFound(SOURCE, "no"), TimedOut(SOURCE, "late")])
async def test_other_errors_are_not_repeated(error: Exception) -> None:
    remote = Remote(error, "row")
    with pytest.raises(type(error)):
        await lane().call("search", remote, Call())
    assert remote.attempts == 1


async def test_the_breaker_refuses_at_once_without_touching_the_source() -> None:
    broken = lane(recovery=60.0)
    await open_breaker(broken)
    assert broken.is_open
    remote, call = Remote(), Call()
    with pytest.raises(Unavailable, match="openBIS is not reachable; try again soon"):
        await broken.call("search", remote, call)
    assert remote.attempts == 0
    assert call.meter.calls == {}


async def test_one_probe_closes_the_breaker_again() -> None:
    broken = lane()
    await open_breaker(broken)
    await asyncio.sleep(RECOVERY * 1.2)
    assert await broken.call("search", Remote("row"), Call()) == "row"
    assert not broken.is_open
    # One failure after the recovery does not open it again.
    assert await broken.call("search", Remote(down(), "row"), Call()) == "row"


async def test_while_one_probes_the_others_are_refused() -> None:
    broken = lane(recovery=0.2)
    await open_breaker(broken)
    await asyncio.sleep(0.21)
    release = asyncio.Event()

    async def probe() -> str:
        await release.wait()
        return "row"

    probing = asyncio.create_task(broken.call("search", probe, Call()))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        await broken.call("search", Remote(), Call())
    release.set()
    assert await probing == "row"


async def test_a_probe_whose_caller_left_still_closes_the_breaker() -> None:
    broken = lane(recovery=0.2)
    await open_breaker(broken)
    await asyncio.sleep(0.21)
    release = asyncio.Event()

    async def probe() -> str:
        await release.wait()
        return "row"

    probing = asyncio.create_task(broken.call("search", probe, Call()))
    await asyncio.sleep(0)
    # The sibling in the same request is refused, and its request ends.
    with pytest.raises(Unavailable):
        await broken.call("count", Remote(), Call())
    probing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probing
    release.set()
    await asyncio.wait(broken._probes)
    assert await broken.call("search", Remote("row"), Call()) == "row"


async def test_siblings_of_a_quick_probe_are_let_in() -> None:
    broken = lane()
    await open_breaker(broken)
    await asyncio.sleep(RECOVERY * 1.2)
    answers = await asyncio.gather(
        *(broken.call("search", Remote("row"), Call()) for _ in range(5))
    )
    assert answers == ["row"] * 5


async def test_a_failed_probe_whose_caller_left_opens_it_again() -> None:
    broken = lane(recovery=0.2)
    await open_breaker(broken)
    await asyncio.sleep(0.21)
    release = asyncio.Event()

    async def probe() -> str:
        await release.wait()
        raise down()

    probing = asyncio.create_task(broken.call("search", probe, Call()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    probing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probing
    release.set()
    await asyncio.gather(*broken._probes, return_exceptions=True)
    assert broken.is_open


async def test_a_failed_probe_is_not_repeated_and_opens_it_again() -> None:
    broken = lane()
    await open_breaker(broken)
    await asyncio.sleep(RECOVERY * 1.2)
    remote = Remote(down(), "row")
    with pytest.raises(Unavailable):
        await broken.call("search", remote, Call())
    assert remote.attempts == 1
    assert broken.is_open


async def test_an_application_error_shows_that_the_source_lives() -> None:
    kept = lane()
    for _ in range(5):
        await _raises(kept, down)
        await _raises(kept, lambda: NotFound(SOURCE, "no"))
    assert not kept.is_open


async def _raises(through: Lane, error: Callable[[], Exception]) -> None:
    with pytest.raises(type(error())):
        await through.call("search", Remote(error()), Call(), safe=False)


async def test_the_deadline_of_the_request_ends_an_attempt() -> None:
    started = time.monotonic()
    with pytest.raises(TimedOut, match="openBIS did not answer searchSamples in time"):
        await lane().call("searchSamples", forever, Call(deadline=started + 0.05))
    assert time.monotonic() - started < 1


async def test_a_deadline_that_has_passed_starts_nothing() -> None:
    remote, call = Remote(), Call(deadline=time.monotonic() - 1)
    with pytest.raises(TimedOut):
        await lane().call("search", remote, call)
    assert remote.attempts == 0
    assert call.meter.calls == {}


async def test_callers_in_a_hurry_do_not_open_the_breaker_for_others() -> None:
    kept = lane()
    for _ in range(5):
        with pytest.raises(TimedOut):
            await kept.call("search", forever, Call(deadline=time.monotonic() + 0.01))
    assert await kept.call("search", Remote("row"), Call()) == "row"


async def test_a_source_that_hangs_opens_the_breaker() -> None:
    broken = lane(timeout=0.02, recovery=60.0)
    for _ in range(3):
        with pytest.raises(TimedOut):
            await broken.call("search", forever, Call())
    assert broken.is_open


async def test_waiting_for_a_turn_is_no_failure_of_the_source() -> None:
    narrow = lane(concurrency=1, patience=0.0)
    release = asyncio.Event()

    async def slow() -> str:
        await release.wait()
        return "row"

    first = asyncio.create_task(narrow.call("search", slow, Call()))
    await asyncio.sleep(0)
    waiting = [
        narrow.call("search", Remote(), Call(deadline=time.monotonic() + 0.02)) for _ in range(4)
    ]
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [TimedOut] * 4
    assert not narrow.is_open
    release.set()
    assert await first == "row"


async def test_no_more_calls_are_in_flight_than_allowed() -> None:
    narrow = lane(concurrency=3)
    running = most = 0

    async def busy() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    await asyncio.gather(*(narrow.call("search", busy, Call()) for _ in range(20)))
    assert most == 3


async def test_those_who_queued_are_refused_when_the_source_is_found_dead() -> None:
    narrow = lane(concurrency=1, threshold=1, recovery=60.0)
    remote = Remote(*[down() for _ in range(10)])
    calls = [narrow.call("search", remote, Call()) for _ in range(10)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 10
    assert remote.attempts == 1


async def test_cancelling_the_caller_cancels_the_attempt_and_frees_its_slot() -> None:
    narrow = lane(concurrency=1)
    task = asyncio.create_task(narrow.call("search", forever, Call()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await narrow.call("search", Remote("row"), Call()) == "row"


async def forever() -> None:
    await asyncio.Event().wait()


async def test_those_that_failed_together_come_back_at_different_times() -> None:
    returned: list[float] = []

    class Briefly:
        def __init__(self) -> None:
            self.failed = False

        async def __call__(self) -> None:
            if not self.failed:
                self.failed = True
                raise down()
            returned.append(time.monotonic())

    wide = lane(concurrency=50, threshold=100, pause=0.05)
    started = time.monotonic()
    await asyncio.gather(*(wide.call("search", Briefly(), Call()) for _ in range(50)))
    waits = [moment - started for moment in returned]
    assert max(waits) < 0.5
    assert max(waits) - min(waits) > 0.02


async def test_a_pause_does_not_outlast_the_deadline() -> None:
    remote = Remote(down(), "row")
    with pytest.raises(Unavailable):
        await lane(pause=10.0).call("search", remote, Call(deadline=time.monotonic() + 5))
    assert remote.attempts == 1


async def test_a_blocked_way_says_why_and_is_never_tried() -> None:
    remote, call = Remote(), Call()
    nowhere = Lane(Source.OMERO, blocked="There is no OMERO here.")
    for _ in range(5):
        with pytest.raises(Unavailable, match="There is no OMERO here"):
            await nowhere.call("search", remote, call)
    assert nowhere.is_open
    assert (remote.attempts, call.meter.calls) == (0, {})


async def test_a_request_has_a_budget_of_calls() -> None:
    asked = 0

    async def attempt() -> int:
        nonlocal asked
        asked += 1
        return asked

    lane, call = Lane(Source.OMERO), Call(budget=3)
    answers = await asyncio.gather(
        *(lane.call("images", attempt, call) for _ in range(5)), return_exceptions=True
    )
    assert [answer for answer in answers if isinstance(answer, int)] == [1, 2, 3]
    spent = [answer for answer in answers if isinstance(answer, BudgetSpent)]
    assert len(spent) == 2
    assert "made 3 calls" in spent[0].message
    assert asked == 3
    assert await lane.call("images", attempt, Call()) == 4, "another request has its own"


async def test_each_attempt_is_within_a_span() -> None:
    told: list[tuple[Source, str, str]] = []

    @contextmanager
    def span(source: Source, operation: str) -> Iterator[None]:
        told.append((source, operation, "begun"))
        yield
        told.append((source, operation, "ended"))

    async def attempt() -> None:
        assert told[-1][2] == "begun"

    await Lane(Source.OPENBIS).call("searchSamples", attempt, Call(span=span))
    assert told == [(Source.OPENBIS, "searchSamples", word) for word in ("begun", "ended")]
