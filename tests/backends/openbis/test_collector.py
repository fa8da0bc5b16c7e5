"""The collector is paused, and never left off."""

import gc

import pytest

from backends.openbis.collector import undisturbed


def test_it_is_paused_and_comes_back_even_after_an_error() -> None:
    assert gc.isenabled()
    with undisturbed():
        assert not gc.isenabled()
        with undisturbed():
            assert not gc.isenabled()
        assert not gc.isenabled(), "the inner one does not end the outer one's pause"
    assert gc.isenabled()
    with pytest.raises(ValueError, match="odd"), undisturbed():
        raise ValueError("odd")
    assert gc.isenabled()


def test_who_runs_without_it_keeps_running_without_it() -> None:
    gc.disable()
    try:
        with undisturbed():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
