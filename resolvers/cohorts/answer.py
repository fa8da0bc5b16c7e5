"""What an evaluated cohort is: its members' ids, what is unknown about it, and why.

`evaluation.py` makes a `CohortAnswer`; the GraphQL types, snapshots and exports read it. The ids
are those of the viewer who asked. `members` reads what belongs to some of them, a page at a time,
so that nobody need hold a whole cohort's records.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from backends.errors import BackendError, Source
from backends.fetch import NOTHING_MORE, Fetch
from backends.filters import Page, PageRequest, Sort
from backends.records import ImageRecord, OmicsDatasetRecord, SampleRecord
from resolvers.cohorts.predicates import Question
from resolvers.imaging import ImagingStatus

MEMBER_ORDER: Final = Sort("perm_id")


@dataclass(frozen=True, slots=True)
class Gap:
    """Why something about a cohort is unknown."""

    failure: BackendError
    clause: str  # what could not be decided, in words


@dataclass(frozen=True, slots=True)
class Completeness:
    """Whether all is known; if not, how many members there may be at most (None: any number)."""

    complete: bool
    at_most: int | None
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class MemberFetch:
    """What to read along with members and with what belongs to them."""

    subject: Fetch = Fetch.of("type", "properties")  # noqa: RUF009 - frozen, like a number
    specimen: Fetch = Fetch.of("type", "properties")  # noqa: RUF009
    omics: Fetch = Fetch.of("type", "properties", "location")  # noqa: RUF009
    image: Fetch = NOTHING_MORE
    wants_omics: bool = True
    wants_images: bool = True


@dataclass(frozen=True, slots=True)
class Specimen:
    """One sample by which a member belongs to the cohort, with its matching data.

    `imaging` says whether its images could be read, and is None where none were asked for; `images`
    are those that matched, of the OMERO dataset `image_dataset`.
    """

    sample: SampleRecord
    omics_datasets: tuple[OmicsDatasetRecord, ...] = ()
    images: tuple[ImageRecord, ...] = ()
    image_dataset: int | None = None
    imaging: ImagingStatus | None = None


@dataclass(frozen=True, slots=True)
class CohortMember:
    """One member: the subject (or, of a cohort of samples, the sample) and its specimens.

    Where no `has` asks for anything, the specimens are the member itself and all its descendants,
    with all of their data.
    """

    subject: SampleRecord
    specimens: tuple[Specimen, ...]

    @property
    def omics_datasets(self) -> tuple[OmicsDatasetRecord, ...]:
        """The data sets of all specimens, each once."""
        return _once(
            (each.perm_id, each) for part in self.specimens for each in part.omics_datasets
        )

    @property
    def images(self) -> tuple[ImageRecord, ...]:
        """The images of all specimens, each once."""
        return _once((each.omero_id, each) for part in self.specimens for each in part.images)


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """How many candidates are left after a clause, in the order as written.

    `samples` counts the specimens of those left by which the clause holds. A number is None where
    it is unknown; one that is incomplete counts what is sure.
    """

    clause: str
    source: Source | None
    subjects: int | None
    samples: int | None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class CohortAnswer:
    """An evaluated cohort."""

    question: Question
    member_ids: tuple[str, ...]  # permIds, sorted; those that surely belong to it
    completeness: Completeness
    funnel: tuple[FunnelStep, ...] = ()
    total: int = 0  # of the ids; also where only their number was asked for
    context: Any = field(default=None, repr=False, compare=False)

    async def members(
        self, page: PageRequest, fetch: MemberFetch | None = None
    ) -> Page[CohortMember]:
        """Read one page of members, in the order of their permIds.

        Args:
            page: the page; its sort is `MEMBER_ORDER`, its keys are `(permId, permId)`.
            fetch: what to read along.
        """
        from resolvers.cohorts.members import page_of_members  # noqa: PLC0415 - it reads this module

        return await page_of_members(self.context, self.question, self.member_ids, page, fetch)


def page_of(ids: Sequence[str], page: PageRequest) -> tuple[Sequence[str], bool]:
    """The ids of a keyset page of sorted ids, and whether more lie beyond."""
    if page.backward:
        end = len(ids) if page.key is None else bisect.bisect_left(ids, str(page.key[1]))
        start = max(0, end - page.limit)
        return ids[start:end], start > 0
    start = 0 if page.key is None else bisect.bisect_right(ids, str(page.key[1]))
    end = min(len(ids), start + page.limit)
    return ids[start:end], end < len(ids)


def _once(pairs: Any) -> tuple[Any, ...]:
    return tuple(dict(pairs).values())
