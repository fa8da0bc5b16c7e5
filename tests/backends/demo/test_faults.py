from __future__ import annotations

from backends.demo.faults import Faults


def test_by_default_nothing_is_wrong() -> None:
    faults = Faults()
    assert (faults.off, faults.latency, faults.take_failure("searchSamples")) == (False, 0.0, False)


def test_fail_next_counts_down_per_method() -> None:
    faults = Faults(fail_next={"searchSamples": 2})
    assert [faults.take_failure("searchSamples") for _ in range(3)] == [True, True, False]
    assert faults.take_failure("getSamples") is False


def test_expire_sessions_reaches_every_server_that_registered() -> None:
    faults, ended = Faults(), []
    faults.on_expire(lambda: ended.append("openBIS"))
    faults.on_expire(lambda: ended.append("OMERO"))
    faults.expire_sessions()
    assert ended == ["openBIS", "OMERO"]
