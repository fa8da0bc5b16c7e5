from __future__ import annotations

from backends.demo.faults import ANY_METHOD, Faults, Misbehaviour


def test_by_default_nothing_is_wrong() -> None:
    faults = Faults()
    assert (faults.off, faults.latency, faults.take_failure("searchSamples")) == (False, 0.0, False)
    assert faults.take("searchSamples") is None
    assert faults.delay("searchSamples") == 0.0


def test_fail_next_counts_down_per_method() -> None:
    faults = Faults(fail_next={"searchSamples": 2})
    assert [faults.take_failure("searchSamples") for _ in range(3)] == [True, True, False]
    assert faults.take_failure("getSamples") is False


def test_what_is_planned_comes_once_and_in_order() -> None:
    faults = Faults(fail_next={"a": 1})
    faults.plan("a", Misbehaviour.RESET)
    faults.plan(ANY_METHOD, Misbehaviour.SLOW_BODY, times=2)
    assert [faults.take("a") for _ in range(2)] == [Misbehaviour.SERVER_ERROR, Misbehaviour.RESET]
    assert [faults.take(method) for method in "bab"] == [
        Misbehaviour.SLOW_BODY,
        Misbehaviour.SLOW_BODY,
        None,
    ]


def test_latency_adds_up_and_clears() -> None:
    faults = Faults(latency=0.5, latency_of={"a": 0.25})
    assert (faults.delay("a"), faults.delay("b")) == (0.75, 0.5)
    faults.off = True
    faults.plan("a", Misbehaviour.RESET)
    faults.clear()
    assert (faults.off, faults.delay("a"), faults.take("a")) == (False, 0.0, None)


def test_expire_sessions_reaches_every_server_that_registered() -> None:
    faults, ended = Faults(), []
    faults.on_expire(lambda: ended.append("openBIS"))
    faults.on_expire(lambda: ended.append("OMERO"))
    faults.expire_sessions()
    assert ended == ["openBIS", "OMERO"]
