"""Registering a checked draft in openBIS: at most a thousand rows a transaction, resumable.

A registration is cut into transactions, parents first; each is one `executeOperations`, done whole
or not at all. Before one is sent it is looked up whether it is there already, so that repeating any
of this changes nothing: a workflow may be killed anywhere and begin the step again. The last
transaction carries the design document, too. The OMERO side follows in `image_datasets.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from backends.errors import InvalidRequest, NotFound, Source
from backends.fetch import Fetch
from backends.filters import PageRequest, SampleFilter, StringMatch
from backends.openbis.client import Get, Search
from backends.openbis.design import SETUP_PROPERTY, Design, UnreadableDesign, read_design
from backends.openbis.design_document import merge_designs, write_design
from backends.openbis.write import Change, ExperimentUpdate, Made, NewExperiment, NewSample
from backends.records import ExperimentRecord, Kind, SampleRecord
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.design.codes import Codes, claim, claimed
from resolvers.design.draft import Draft, DraftSample, design_of
from resolvers.design.levels import INFO_TYPE, LEVELS, NAME_PROPERTY, Level
from resolvers.design.project import Place

ROWS: Final = 1000  # per transaction: samples, experiments and the document together
EXTRA_ROWS: Final = len(Level) + 1
ATTEMPTS: Final = 5  # at codes that others take before us
_FETCH: Final = Fetch.of("properties", "experiment", "type")


@dataclass(frozen=True, slots=True)
class Registration:
    """What is registered, where, and under which key: the same one is the same registration."""

    key: str
    place: Place
    draft: Draft

    def parts(self) -> tuple[tuple[DraftSample, ...], ...]:
        """The samples of each transaction."""
        size = ROWS - EXTRA_ROWS
        samples = self.draft.samples
        return tuple(
            samples[start : start + size] for start in range(0, max(len(samples), 1), size)
        )

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels that there are samples of."""
        return tuple(level for level, count in self.draft.counts().items() if count)


@dataclass(frozen=True, slots=True)
class Written:
    """The samples that are registered so far: code and permId by the key of the draft."""

    codes: Mapping[str, str]
    perm_ids: Mapping[str, str]
    experiments: Mapping[Level, str]

    @staticmethod
    def nothing() -> Written:
        """Before the first transaction."""
        return Written({}, {}, {})

    def to_json(self) -> dict[str, Any]:
        """Return plain data, for a workflow's journal."""
        return {
            "codes": dict(self.codes),
            "perm_ids": dict(self.perm_ids),
            "experiments": {level.value: code for level, code in self.experiments.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Written:
        """Read plain data again."""
        experiments = {Level(level): code for level, code in data["experiments"].items()}
        return Written(data["codes"], data["perm_ids"], experiments)


async def write_part(
    context: RequestContext, registration: Registration, number: int, before: Written
) -> Written:
    """Register the samples of one transaction, unless they are there, and tell all so far.

    Args:
        context: the request, with a session in openBIS.
        registration: the whole of it.
        number: which of its parts, from 0.
        before: what the parts before have written.

    Raises:
        InvalidRequest: openBIS refuses it, and not for a code that is taken; nothing was written.
        BackendError: a system did not answer, or the viewer may not; see the adapter.
    """
    part = registration.parts()[number]
    refused: InvalidRequest | None = None
    for attempt in range(ATTEMPTS):
        key = _key(registration, number, attempt)
        levels = registration.levels if number == 0 else ()
        codes = await claim(context, registration.place.code, part, levels, key=key)
        experiments = {**before.experiments, **codes.experiments}
        found, info = await _look(context, registration, codes)
        if found and _are_ours(part, experiments, found):
            return _extended(before, codes, {key: each.perm_id for key, each in found.items()})
        if found:
            continue  # others have taken some of the codes
        changes = _changes(registration, number, codes, before, info)
        try:
            made = await context.services.openbis.transact(
                context.openbis_token(), changes, context.call
            )
        except InvalidRequest as error:
            if refused is not None:
                raise  # with other codes, too: it is something else
            refused = error
            continue
        perm_ids = {
            change.mark: perm_id
            for change, perm_id in zip(changes, made, strict=True)
            if isinstance(change, NewSample) and change.mark is not None and perm_id is not None
        }
        return _extended(before, codes, perm_ids)
    raise refused or InvalidRequest(
        Source.OPENBIS, "Others keep registering in this project: try again when they are done."
    )


async def find_part(
    context: RequestContext, registration: Registration, number: int, before: Written
) -> Written | None:
    """Return what a part has written, with all before; None when it has not been written.

    Raises:
        BackendError: a system did not answer.
    """
    part = registration.parts()[number]
    levels = registration.levels if number == 0 else ()
    for attempt in range(ATTEMPTS):
        key = _key(registration, number, attempt)
        codes = await claimed(context, registration.place.code, part, levels, key=key)
        if codes is None:
            return None
        found, _ = await _look(context, registration, codes)
        if found and _are_ours(part, {**before.experiments, **codes.experiments}, found):
            return _extended(before, codes, {key: each.perm_id for key, each in found.items()})
    return None


def _key(registration: Registration, number: int, attempt: int) -> str:
    """What the codes of one attempt at one part are claimed under."""
    return f"{registration.key}/{number}" + (f"/{attempt}" if attempt else "")


async def _look(
    context: RequestContext, registration: Registration, codes: Codes
) -> tuple[dict[str, SampleRecord], ExperimentRecord | None]:
    """Those of the codes that openBIS has, by the draft's keys, and the project's info experiment.

    Codes are looked for everywhere: a barcode stands for one sample, whatever its space.
    """
    place = registration.place
    by_code = {code: key for key, code in codes.samples.items()}
    where = SampleFilter(code=StringMatch(one_of=tuple(by_code)))
    page, infos = await context.services.openbis.execute(
        context.openbis_token(),
        [
            Search(Kind.SAMPLE, where, PageRequest(2 * ROWS, catalog.CODE_ORDER), _FETCH),
            Get(Kind.EXPERIMENT, (info_identifier(place),), Fetch.of("properties")),
        ],
        context.call,
    )
    found: dict[str, SampleRecord] = {}
    for each in page.items:
        if by_code[each.code] not in found or each.identifier.startswith(f"/{place.space}/"):
            found[by_code[each.code]] = each
    return found, infos.get(info_identifier(place))


def info_identifier(place: Place) -> str:
    """The identifier of the experiment that keeps a project's design."""
    return f"{place.identifier}/{place.code}_INFO"


def _are_ours(
    part: Sequence[DraftSample],
    experiments: Mapping[Level, str],
    found: Mapping[str, SampleRecord],
) -> bool:
    """Whether the codes stand for what we were to register: then it was done before."""
    return len(found) == len(part) and all(
        record.type_code == sample.type_code
        and record.experiment is not None
        and record.experiment.code == experiments[sample.level]
        and _named(record) == sample.properties.get(NAME_PROPERTY)
        for sample, record in ((each, found[each.key]) for each in part)
    )


def _named(record: SampleRecord) -> str | None:
    for each in record.properties or ():
        if each.code == NAME_PROPERTY:
            return each.value
    return None


def _extended(before: Written, codes: Codes, perm_ids: Mapping[str, str]) -> Written:
    return Written(
        {**before.codes, **codes.samples},
        {**before.perm_ids, **perm_ids},
        {**before.experiments, **codes.experiments},
    )


def _changes(
    registration: Registration,
    number: int,
    codes: Codes,
    before: Written,
    info: ExperimentRecord | None,
) -> list[Change]:
    place = registration.place
    parts = registration.parts()
    here = {sample.key for sample in parts[number]}
    changes: list[Change] = [
        NewExperiment(LEVELS[level].experiment_type, place.perm_id, code, mark=code)
        for level, code in codes.experiments.items()
    ]
    experiments = {**before.experiments, **codes.experiments}
    for sample in parts[number]:
        code = experiments[sample.level]
        known = f"{place.identifier}/{code}"
        inner = [Made(key) if key in here else before.perm_ids[key] for key in sample.parents]
        outer = [_sample_identifier(place, parent) for parent in sample.registered_parents]
        changes.append(
            NewSample(
                sample.type_code,
                place.space,
                codes.samples[sample.key],
                experiment=Made(code) if sample.level in codes.experiments else known,
                parents=(*inner, *outer),
                properties=sample.properties,
                mark=sample.key,
            )
        )
    if number == len(parts) - 1:
        every = {**before.codes, **codes.samples}
        changes += _document(registration, every, info)
    return changes


def _sample_identifier(place: Place, parent: str) -> str:
    """Codes of openBIS name samples of the project's space, identifiers any."""
    return parent if "/" in parent else f"/{place.space}/{parent}"


def _document(
    registration: Registration, codes: Mapping[str, str], info: ExperimentRecord | None
) -> list[Change]:
    """The change of the project's design, if the draft adds anything to it."""
    new = design_of(registration.draft, codes)
    if not (new.factors or new.technologies or new.study_design):
        return []
    place = registration.place
    if info is None:
        properties = {SETUP_PROPERTY: write_design(new)}
        return [NewExperiment(INFO_TYPE, place.perm_id, f"{place.code}_INFO", properties)]
    old = read_design(
        next((each.value for each in info.properties or () if each.code == SETUP_PROPERTY), None)
    )
    if isinstance(old, UnreadableDesign):
        raise InvalidRequest(
            Source.OPENBIS,
            f"The design that {place.code} has cannot be read, and so not be added to: mend "
            f"{SETUP_PROPERTY} of {place.code}_INFO first.",
        )
    merged: Design = merge_designs(old, new)
    if merged == old:
        return []
    return [ExperimentUpdate(info.perm_id, {SETUP_PROPERTY: write_design(merged)})]


async def check_parents(context: RequestContext, place: Place, draft: Draft) -> list[str]:
    """Return those of the registered parents that openBIS has not, or that the viewer cannot see.

    Raises:
        BackendError: openBIS did not answer.
    """
    wanted = {
        _sample_identifier(place, parent): parent
        for sample in draft.samples
        for parent in sample.registered_parents
    }
    if not wanted:
        return []
    try:
        (found,) = await context.services.openbis.execute(
            context.openbis_token(), [Get(Kind.SAMPLE, tuple(wanted))], context.call
        )
    except NotFound:
        found = {}
    return [parent for identifier, parent in wanted.items() if identifier not in found]
