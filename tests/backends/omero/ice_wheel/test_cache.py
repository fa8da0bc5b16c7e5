from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from backends.omero.ice_wheel import cache as cache_module
from backends.omero.ice_wheel.cache import WheelCache, preferred_root, usable_root
from backends.omero.ice_wheel.errors import IceBuildError

HOLDER = """
import sys, time
from pathlib import Path
from backends.omero.ice_wheel.cache import WheelCache

with WheelCache(Path(sys.argv[1]), "cpython-311-glibc-2.36-abc").held(time.monotonic()):
    print("held", flush=True)
    sys.stdin.read()
"""
NAME = "zeroc_ice-3.6.5-cp311-cp311-linux_x86_64.whl"


@pytest.fixture
def cache(tmp_path: Path) -> WheelCache:
    return WheelCache(tmp_path, "cpython-311-glibc-2.36-abc")


def wheel_at(folder: Path, content: bytes = b"extension" * 1000) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / NAME, "w") as archive:
        archive.writestr("IcePy.cpython-311-x86_64-linux-gnu.so", content)
    return folder / NAME


def test_the_cache_is_where_xdg_says() -> None:
    assert preferred_root({"XDG_CACHE_HOME": "/var/cache/ci"}) == Path("/var/cache/ci/omnibis")
    assert preferred_root({}) == Path.home() / ".cache" / "omnibis"
    assert preferred_root({"XDG_CACHE_HOME": ""}) == Path.home() / ".cache" / "omnibis"


def test_a_place_that_cannot_be_written_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    assert usable_root(tmp_path / "file" / "omnibis").parent == tmp_path / "temporary"
    assert usable_root(tmp_path / "new" / "omnibis") == tmp_path / "new" / "omnibis"


def test_a_published_wheel_is_found_and_its_workshop_is_gone(cache: WheelCache) -> None:
    built = wheel_at(cache.workshop / "wheel")
    assert cache.wheel() is None
    assert cache.publish(built) == cache.wheels / NAME
    assert cache.wheel() == cache.wheels / NAME
    assert not cache.workshop.exists()


def test_a_broken_wheel_is_not_published(cache: WheelCache) -> None:
    built = wheel_at(cache.workshop / "wheel")
    built.write_bytes(built.read_bytes()[:-200])
    with pytest.raises(IceBuildError, match="cannot be read"):
        cache.publish(built)
    assert cache.wheel() is None


def test_a_damaged_wheel_in_the_cache_is_thrown_away(cache: WheelCache) -> None:
    place = wheel_at(cache.wheels)
    damaged = bytearray(place.read_bytes())
    damaged[100] ^= 0xFF
    place.write_bytes(damaged)
    assert cache.wheel() is None
    assert not place.exists()


def test_a_wheel_without_the_extension_is_no_wheel_of_ice(cache: WheelCache) -> None:
    place = wheel_at(cache.wheels)
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("Ice.py", "")
    assert cache.wheel() is None


def test_wheels_of_another_key_are_not_seen(cache: WheelCache, tmp_path: Path) -> None:
    wheel_at(WheelCache(tmp_path, "cpython-312").wheels)
    assert cache.wheel() is None


def test_what_is_forgotten_is_gone(cache: WheelCache) -> None:
    wheel_at(cache.wheels)
    wheel_at(cache.workshop / "wheel")
    cache.forget()
    assert cache.wheel() is None
    assert not cache.workshop.exists()


def test_a_second_build_waits_no_longer_than_its_deadline(
    cache: WheelCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "POLL_SECONDS", 0.01)
    with cache.held(time.monotonic()):
        second = WheelCache(tmp_path, "cpython-311-glibc-2.36-abc")
        with pytest.raises(IceBuildError, match="still running"), second.held(time.monotonic()):
            pass
        with WheelCache(tmp_path, "cpython-311-glibc-2.36-def").held(time.monotonic()):
            pass
    with cache.held(time.monotonic()):
        pass


def test_a_killed_build_frees_its_key(cache: WheelCache, tmp_path: Path) -> None:
    holder = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(cache_module.__file__).parents[3])},
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(IceBuildError), cache.held(time.monotonic()):
            pass
        holder.kill()
    with cache.held(time.monotonic()):
        pass
