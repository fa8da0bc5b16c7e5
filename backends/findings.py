"""What `omnibis doctor` finds out: one finding per check, in plain words.

Made by `backends/openbis/doctor.py` and `backends/omero/doctor.py`, shown by `api/doctor.py`. No
secret, and no text of a server, may be in any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check came out."""

    OK = "OK"
    WARNING = "WARNING"
    PROBLEM = "PROBLEM"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check has seen, and what is to be done."""

    check: str
    state: State
    found: str
    advice: str | None = None
