"""pybis itself, unmodified, against the embedded openBIS over a loopback port.

Reading tests run once per way in which a server may write repeated objects, and once with project
samples. Writing tests share one installation per module and keep apart by spaces of their own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from pybis import Openbis

from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from backends.demo.world import OpenbisContent
from tests.backends.demo.openbis.pybis.installation import (
    VARIANTS,
    Installation,
    Rows,
    Start,
    connect,
)
from tests.serving import serve


@pytest.fixture(scope="module", autouse=True)
def _away_from_utc() -> Iterator[None]:
    """pybis prints local times; away from UTC, so that a confusion of the two shows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A home of its own: pybis reads and writes ~/.pybis."""
    folder = tmp_path_factory.mktemp("home")
    (folder / ".pybis").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setattr("pybis.pybis.PYBIS_FOLDER", folder / ".pybis")  # computed at its import
        patch.setenv("NO_PROXY", "127.0.0.1")
        assert os.path.expanduser("~") == str(folder)  # noqa: PTH111 - what pybis asks
        yield str(folder)


@pytest.fixture(scope="session")
def content() -> Iterator[OpenbisContent]:
    """The built-in studies; servers make rows of their own of it, so that none may change it."""
    built = build_world().openbis
    yield built
    assert built == build_world().openbis


@contextmanager
def _started(content: OpenbisContent, **options: Any) -> Iterator[Installation]:
    app = create_openbis_server(content, **options)
    with serve(app) as url:
        yield Installation(url, app, content, options.get("references", "server"))


@pytest.fixture
def start(content: OpenbisContent) -> Start:
    """Start an installation of the test's own; keywords are those of the server."""
    return partial(_started, content)


@pytest.fixture(scope="module", params=VARIANTS)
def reading(request: pytest.FixtureRequest, content: OpenbisContent) -> Iterator[Installation]:
    """An installation that is only read, in every variant."""
    with _started(content, **VARIANTS[request.param]) as installation:
        yield installation


@pytest.fixture(scope="session")
def rows(content: OpenbisContent) -> Rows:
    """The built-in studies by name."""
    return Rows(content)


@pytest.fixture(scope="module")
def o(reading: Installation) -> Openbis:
    """pybis, logged in as the instance administrator; named as its documentation names it."""
    return connect(reading, "admin")


@pytest.fixture(scope="module")
def writing(request: pytest.FixtureRequest, content: OpenbisContent) -> Iterator[Installation]:
    """An installation that the tests of one module write to; a parameter names its variant."""
    with _started(content, **VARIANTS[getattr(request, "param", "server")]) as installation:
        yield installation


@pytest.fixture(scope="module")
def w(writing: Installation) -> Openbis:
    """pybis, logged in as the instance administrator of the installation to write to."""
    return connect(writing, "admin")
