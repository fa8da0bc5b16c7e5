"""What there is of each member, and why something is missing: samples against modalities.

A modality is a value of the key-value pair `Modality` among the images, or a type of omics dataset.
A page of members costs a number of calls that its rows do not change. Called by the GraphQL types.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from backends.errors import AuthenticationFailed, BackendError, Source
from backends.fetch import Fetch
from backends.filters import OmicsFilter
from backends.records import SampleRecord
from link_store.records import LinkState
from resolvers import catalog
from resolvers.cohorts.finding import Finder
from resolvers.cohorts.members import states_of_datasets
from resolvers.cohorts.predicates import MODALITY_KEY
from resolvers.context import RequestContext
from resolvers.errors import NotSignedIn
from resolvers.imaging import ImagingStatus


class ModalityKind(StrEnum):
    """Where the data of a modality are."""

    IMAGE = "IMAGE"
    OMICS = "OMICS"


class Presence(StrEnum):
    """Whether there is something, and if not, why."""

    AVAILABLE = "AVAILABLE"
    ABSENT = "ABSENT"
    NOT_LINKED = "NOT_LINKED"
    NOT_PERMITTED = "NOT_PERMITTED"
    GONE = "GONE"
    UNAVAILABLE = "UNAVAILABLE"


# What a member is told of its samples: the first of these that holds for one of them.
_TELLING = (
    Presence.AVAILABLE,
    Presence.UNAVAILABLE,
    Presence.NOT_PERMITTED,
    Presence.GONE,
    Presence.ABSENT,
    Presence.NOT_LINKED,
)


@dataclass(frozen=True, slots=True, order=True)
class Modality:
    """One column of the matrix; images without a pair `Modality` are of none (None)."""

    kind: ModalityKind
    name: str


@dataclass(frozen=True, slots=True)
class Cell:
    """How much there is of one modality."""

    modality: Modality
    presence: Presence
    count: int


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One sample of a member."""

    sample: SampleRecord
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One member: all of its samples together, and each by itself."""

    subject: SampleRecord
    cells: tuple[Cell, ...]
    samples: tuple[SampleRow, ...]


@dataclass(slots=True)
class _Seen:
    """What was found of each sample, and why images are missing."""

    counts: dict[str, dict[Modality, int]]
    reasons: dict[str, Presence]  # of images, by sample


async def availability(
    context: RequestContext, ids: Sequence[str], fetch: Fetch, path: Sequence[str | int]
) -> list[MemberRow]:
    """The rows of some members; columns are the modalities found among them.

    Args:
        context: the request.
        ids: the members' permIds; those that the viewer does not see are left out.
        fetch: what to read along with each sample.
        path: where in the answer this stands, for the one error that is told.

    Raises:
        BackendError: openBIS did not answer; OMERO may be down.
    """
    finder = Finder(context)
    wanted = fetch | Fetch.of(descendants=fetch)
    records = {record.perm_id: record for record in await finder.records(ids, wanted)}
    samples = {
        sample.perm_id: sample
        for record in records.values()
        for sample in (record, *catalog.descendants(record))
    }
    counts: dict[str, dict[Modality, int]] = defaultdict(dict)
    for data_set in await finder.data_sets(OmicsFilter(), samples, Fetch.of("type")):
        if data_set.sample is not None:
            own = counts[data_set.sample.perm_id]
            modality = Modality(ModalityKind.OMICS, data_set.type_code or "")
            own[modality] = own.get(modality, 0) + 1
    seen = _Seen(counts, {})
    try:
        await _images(context, samples, seen)
    except (BackendError, NotSignedIn) as error:
        if isinstance(error, NotSignedIn):
            error = AuthenticationFailed(error.source or Source.OMERO, error.message)
        context.degrade(error, path)
        seen.reasons = dict.fromkeys(samples, Presence.UNAVAILABLE)
    columns = sorted({modality for own in seen.counts.values() for modality in own})
    if any(each is Presence.UNAVAILABLE for each in seen.reasons.values()) and not any(
        column.kind is ModalityKind.IMAGE for column in columns
    ):
        columns.insert(0, Modality(ModalityKind.IMAGE, ""))  # something is missing here
    return [_row(records[each], columns, seen) for each in ids if each in records]


async def _images(context: RequestContext, samples: Collection[str], seen: _Seen) -> None:
    store = context.services.links
    links = await context.ask_links("sampleLinks", store.sample_links(samples))
    active = {
        perm_id: link.omero_id for perm_id, link in links.items() if link.state is LinkState.ACTIVE
    }
    for perm_id, link in links.items():
        if link.state is LinkState.BROKEN:
            seen.reasons[perm_id] = Presence.GONE
    states = await states_of_datasets(context, set(active.values()))
    shown = [dataset for dataset, state in states.items() if state is ImagingStatus.LINKED]
    omero, session = context.services.omero, context.omero_session()
    values = await context.noted(omero.image_values(session, MODALITY_KEY, shown, context.call))
    for perm_id, dataset in active.items():
        state = states[dataset]
        if state is not ImagingStatus.LINKED:
            seen.reasons[perm_id] = Presence(state.value)
            continue
        seen.reasons[perm_id] = Presence.ABSENT
        for value, number in values.get(dataset, {}).items():
            seen.counts[perm_id][Modality(ModalityKind.IMAGE, value)] = number


def _row(record: SampleRecord, columns: Sequence[Modality], seen: _Seen) -> MemberRow:
    rows = [
        SampleRow(sample, tuple(_cell(sample.perm_id, column, seen) for column in columns))
        for sample in (record, *catalog.descendants(record))
    ]
    together = tuple(
        _merged(column, (row.cells[place] for row in rows)) for place, column in enumerate(columns)
    )
    return MemberRow(record, together, tuple(rows))


def _cell(sample: str, column: Modality, seen: _Seen) -> Cell:
    number = seen.counts.get(sample, {}).get(column, 0)
    if number:
        return Cell(column, Presence.AVAILABLE, number)
    if column.kind is ModalityKind.OMICS:
        return Cell(column, Presence.ABSENT, 0)
    return Cell(column, seen.reasons.get(sample, Presence.NOT_LINKED), 0)


def _merged(column: Modality, cells: Iterable[Cell]) -> Cell:
    given = list(cells)
    presences = {cell.presence for cell in given}
    presence = next(each for each in _TELLING if each in presences)
    return Cell(column, presence, sum(cell.count for cell in given))
