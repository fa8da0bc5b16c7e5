"""The cache of Node's tools, which several processes of tests find empty at one time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import node_tools

# Fails where another is at work, as the real one leaves packages out that another has under way.
NPM = """#!/bin/sh
mkdir at-work || exit 1
echo once >> ../runs
sleep 0.2
mkdir -p node_modules
rmdir at-work
"""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("npm", NPM), ("node", "#!/bin/sh\n")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    monkeypatch.setattr(node_tools, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(node_tools, "REQUIRED", True)
    return tmp_path / "cache"


def test_who_comes_second_waits_for_the_tools(cache: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        homes = {each.result() for each in [pool.submit(node_tools.node_modules) for _ in range(4)]}
    (home,) = homes
    assert (cache / "runs").read_text().split() == ["once"]
    assert (home / "node_modules").is_dir()
    assert (home / "audit.mjs").read_bytes() == (node_tools.FOLDER / "audit.mjs").read_bytes()


def test_only_what_has_changed_is_copied_again(cache: Path) -> None:
    home = node_tools.node_modules()
    assert home.parent == cache
    script, other = home / "audit.mjs", home / "lint.mjs"
    script.write_text("an older one")
    before = other.stat()
    assert node_tools.node_modules() == home
    assert script.read_bytes() == (node_tools.FOLDER / "audit.mjs").read_bytes()
    assert other.stat().st_ctime_ns == before.st_ctime_ns
