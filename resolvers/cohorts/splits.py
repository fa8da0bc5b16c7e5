"""Dividing a cohort into training, validation and test parts, by subject and repeatably.

Where a subject goes follows from its id and the plan's salt alone, so the same subjects are divided
alike everywhere and always, and a subject that is added moves no other. With strata, each value of
a property is divided on its own and to within one subject of the wanted fractions; a subject that
is added then moves one other per boundary at most. Subjects that belong together (`leakage.py`)
move as one. Pure functions over ids; `division.py` calls them.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from itertools import accumulate
from typing import Final

import orjson

from resolvers.errors import BadInput

BITS: Final = 64
MOST_PARTS: Final = 20
LONGEST_SALT: Final = 200
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")


class Bond(StrEnum):
    """What two subjects can have in common, so that what is learnt of one is known of the other.

    POOLED_SAMPLE: a sample that was made from both. SHARED_IMAGE: one image in the datasets of
    both. SHARED_FILESET: images of both that were imported from one set of files. SHARED_ANCESTOR:
    a sample in openBIS that both were made from.
    """

    POOLED_SAMPLE = "POOLED_SAMPLE"
    SHARED_IMAGE = "SHARED_IMAGE"
    SHARED_FILESET = "SHARED_FILESET"
    SHARED_ANCESTOR = "SHARED_ANCESTOR"


# Not ancestors: where a whole study hangs below one sample, nothing could be divided any more.
USUAL_TOGETHER: Final = (Bond.POOLED_SAMPLE, Bond.SHARED_IMAGE, Bond.SHARED_FILESET)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a split and the share of the subjects it is to have."""

    name: str
    fraction: float


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How a cohort is to be divided.

    Attributes:
        parts: their names and fractions, in order; the fractions sum to one.
        salt: another salt, another division.
        stratify_by: a property of the subjects; each of its values is divided on its own.
        together: what keeps subjects in one part.
    """

    parts: tuple[Part, ...]
    salt: str = ""
    stratify_by: str | None = None
    together: tuple[Bond, ...] = USUAL_TOGETHER

    def canonical(self) -> bytes:
        """The plan as JSON; equal plans have the same."""
        return orjson.dumps(
            {
                "parts": [[part.name, part.fraction] for part in self.parts],
                "salt": self.salt,
                "stratifyBy": self.stratify_by,
                "together": sorted(set(self.together)),
            }
        )

    def digest(self) -> str:
        """SHA-256 of the canonical form, in hexadecimal."""
        return hashlib.sha256(self.canonical()).hexdigest()


def checked(plan: SplitPlan) -> SplitPlan:
    """Return the plan if a cohort can be divided by it.

    Raises:
        BadInput: its parts have no good names, or their fractions are not those of a whole.
    """
    names = [part.name for part in plan.parts]
    if not 1 <= len(names) <= MOST_PARTS:
        raise BadInput(f"Name between 1 and {MOST_PARTS} parts, such as train, validation, test.")
    for name in names:
        if not _NAME.fullmatch(name):
            raise BadInput("A part's name has letters, digits, `-`, `_` and `.`, 40 at most.")
    if len(set(names)) < len(names):
        raise BadInput("Each part needs a name of its own.")
    if any(not 0 < part.fraction <= 1 for part in plan.parts):
        raise BadInput("A part's fraction is greater than 0 and at most 1.")
    whole = sum((_exact(part.fraction) for part in plan.parts), Fraction())
    if abs(whole - 1) > Fraction(1, 10**6):
        raise BadInput(f"The fractions must sum to 1; they sum to {float(whole):g}.")
    if len(plan.salt) > LONGEST_SALT:
        raise BadInput(f"A salt has {LONGEST_SALT} characters at most.")
    return plan


def place(subject: str, salt: str) -> int:
    """Return where a subject stands on the line from 0 to 2**64, evenly and for ever."""
    digest = hashlib.sha256(f"{salt}\0{subject}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[: BITS // 8])


def divide(
    plan: SplitPlan,
    subjects: Iterable[str],
    *,
    strata: Mapping[str, str] | None = None,
    groups: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the part of each subject.

    Args:
        plan: how to divide.
        subjects: their ids, in any order.
        strata: the stratum of each subject; those without one are a stratum of their own.
        groups: for a subject that belongs together with others, the one id that stands for all.
    """
    groups = groups or {}
    members: defaultdict[str, list[str]] = defaultdict(list)
    for subject in sorted(set(subjects)):
        members[groups.get(subject, subject)].append(subject)
    if strata is None:
        bounds = _bounds(plan, 2**BITS)
        chosen = {group: _part(plan, bounds, place(group, plan.salt)) for group in members}
    else:
        chosen = _divide_strata(plan, members, strata)
    return {subject: chosen[group] for group, within in members.items() for subject in within}


def _divide_strata(
    plan: SplitPlan, members: Mapping[str, list[str]], strata: Mapping[str, str]
) -> dict[str, str]:
    """Divide each stratum by rank: the subjects in the order of their places, cut at the fractions.

    A group is as long as its subjects are many, and goes where its middle lies.
    """
    layers: defaultdict[str | None, list[str]] = defaultdict(list)
    for group, within in members.items():
        layers[strata.get(within[0])].append(group)
    chosen = {}
    for layer in layers.values():
        layer.sort(key=lambda group: (place(group, plan.salt), group))
        bounds = _bounds(plan, 2 * sum(len(members[group]) for group in layer))
        passed = 0
        for group in layer:
            middle = 2 * passed + len(members[group])  # in halves, so that it is whole
            chosen[group] = _part(plan, bounds, middle)
            passed += len(members[group])
    return chosen


def _bounds(plan: SplitPlan, length: int) -> list[Fraction]:
    """Where each part but the last ends on a line of this length."""
    ends = list(accumulate(_exact(part.fraction) for part in plan.parts))
    return [end * length / ends[-1] for end in ends[:-1]]


def _part(plan: SplitPlan, bounds: list[Fraction], position: int) -> str:
    return plan.parts[bisect_right(bounds, position)].name


def _exact(fraction: float) -> Fraction:
    """The fraction as it is written: 0.1 is a tenth."""
    return Fraction(repr(float(fraction)))
