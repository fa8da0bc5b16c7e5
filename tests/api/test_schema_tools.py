"""Public judges of the schema: graphql-eslint with its relay rules, and Relay's compiler."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from api.cli import SCHEMA
from tests.node_tools import FOLDER, call_node, node_modules, run_node


@pytest.fixture(scope="module")
def home() -> Path:
    """The folder with the tools, and the schema in it."""
    folder = node_modules()
    shutil.copy(SCHEMA, folder / "schema.graphql")
    return folder


@pytest.mark.usefixtures("home")
def test_the_linter_finds_what_is_recorded_and_nothing_else() -> None:
    found = run_node("lint.mjs")
    exceptions = json.loads((FOLDER / "eslint-exceptions.json").read_text())
    assert all(exception["reason"] for exception in exceptions["rules"].values())
    patterns = [exception["message"] for exception in exceptions["findings"]]
    unknown = [
        finding
        for finding in found
        if not any(re.search(pattern, finding["message"]) for pattern in patterns)
    ]
    assert unknown == [], "mend the schema, or record the exception with its reason"
    unused = [
        pattern
        for pattern in patterns
        if not any(re.search(pattern, finding["message"]) for finding in found)
    ]
    assert unused == [], "an exception that nothing needs is to be taken out"


def test_relays_compiler_takes_pages_refetches_and_subscriptions(home: Path) -> None:
    compiler = home / "node_modules" / "relay-compiler"
    for program in compiler.glob("*/relay"):
        program.chmod(0o755)
    shutil.rmtree(home / "relay" / "__generated__", ignore_errors=True)
    done = call_node(home, str(compiler / "cli.js"), "relay.config.json")
    assert done.returncode == 0, done.stdout + done.stderr
    made = {path.name for path in (home / "relay" / "__generated__").iterdir()}
    assert "projectSamplesPaginationQuery.graphql.js" in made
    assert "projectSampleRefetchQuery.graphql.js" in made
    assert "projectLinkChangesSubscription.graphql.js" in made
