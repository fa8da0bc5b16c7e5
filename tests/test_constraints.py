from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOUSE = Path(__file__).parents[1]
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["project"]
LINES = (HOUSE / "constraints.txt").read_text("utf-8").splitlines()
PINS = {
    canonicalize_name(name): version
    for name, _, version in (line.partition("==") for line in LINES if not line.startswith("#"))
}
RANGES = [
    *PROJECT["dependencies"],
    *(line for extra in PROJECT["optional-dependencies"].values() for line in extra),
]


@pytest.mark.parametrize("requirement", [Requirement(text) for text in RANGES], ids=str)
def test_the_tested_version_is_within_the_range(requirement: Requirement) -> None:
    # Where it is not, pip refuses both, and nobody can install omnibis from a clone.
    pin = PINS.get(canonicalize_name(requirement.name))
    assert pin is not None
    assert requirement.specifier.contains(pin)


def test_the_pins_are_sorted_and_name_no_address() -> None:
    pins = [line for line in LINES if not line.startswith("#")]
    assert pins == sorted(pins, key=str.lower)
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pins)
