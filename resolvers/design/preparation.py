"""From what somebody hands in to a draft that openBIS will take, or to all that is wrong with it.

A design comes as factors or as a sheet, with a mapping or as a plain sample sheet. Nothing is
written here; the preview and the registration begin with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from backends.openbis.masterdata import Additions
from backends.records import EntityTypeRecord, Kind
from backends.sheets.faults import Fault
from backends.sheets.mapping import Mapping, parse_mapping
from backends.sheets.plan import Plan
from backends.sheets.table import Table, parse_table
from backends.sheets.values import Vocabularies
from resolvers.context import RequestContext
from resolvers.design import factorial, mapped_sheet, sample_sheet
from resolvers.design.additions import additions_of, as_faults, coming
from resolvers.design.checks import DraftChecks, MissingTerm, missing_terms, terms_of
from resolvers.design.draft import Draft, refuse_if_too_many
from resolvers.design.factorial import FactorialDesign
from resolvers.design.levels import Level
from resolvers.design.project import Place
from resolvers.design.registration import check_parents


@dataclass(frozen=True, slots=True)
class SheetSource:
    """A table that somebody hands in: its bytes, and perhaps a mapping that explains it."""

    data: bytes = field(repr=False)
    delimiter: str = ","
    mapping: str | None = None
    study_design: str | None = None


Source = FactorialDesign | SheetSource


@dataclass(frozen=True, slots=True)
class Preparation:
    """A draft as openBIS will take it; with faults nothing of it may be written.

    Attributes:
        draft: the samples, parents first.
        faults: all that is wrong, by line and column.
        missing: values that are no terms, with the nearest.
        additions: what has to be added to the master data first.
        plan: what the same sheet says of images and accessions, where a mapping explains it.
        mapping: that mapping.
    """

    draft: Draft
    faults: tuple[Fault, ...] = ()
    missing: tuple[MissingTerm, ...] = ()
    additions: Additions = field(default_factory=Additions)
    plan: Plan | None = None
    mapping: Mapping | None = None


async def prepare(
    context: RequestContext, place: Place, source: Source, *, create_missing: bool = False
) -> Preparation:
    """Read and check a design for a project.

    Args:
        context: the request, with a session in openBIS.
        place: the project.
        source: factors, or a sheet.
        create_missing: whether master data that a mapping brings along is to be added.

    Raises:
        BadInput: the factors cannot be what they are.
        LimitExceeded: more samples than a project has codes.
        BackendError: openBIS did not answer.
    """
    types = await _types(context, Kind.SAMPLE)
    vocabularies = Vocabularies(terms_of(types))
    if isinstance(source, FactorialDesign):
        read = Preparation(factorial.draft_of(source))
    else:
        read = await _read_sheet(context, source, types, vocabularies)
    faults = list(read.faults)
    if read.additions and not create_missing:
        faults += as_faults(read.additions)
    checks = DraftChecks(types, vocabularies, coming(read.additions))
    draft = checks.complete(read.draft, faults)
    counts = draft.counts()
    refuse_if_too_many(counts[Level.BIOLOGICAL_SAMPLE] + counts[Level.TEST_SAMPLE])
    faults += _strangers(await check_parents(context, place, draft), draft)
    return replace(read, draft=draft, faults=tuple(faults), missing=missing_terms(vocabularies))


async def _read_sheet(
    context: RequestContext,
    source: SheetSource,
    types: dict[str, EntityTypeRecord],
    vocabularies: Vocabularies,
) -> Preparation:
    faults: list[Fault] = []
    mapping = parse_mapping(source.mapping, faults, Mapping) if source.mapping else None
    delimiter = (mapping.sheet.delimiter if mapping else None) or source.delimiter
    table = parse_table(source.data, delimiter, faults)
    if source.mapping is None:
        draft = Draft()
        if table.columns:
            draft = sample_sheet.draft_of(table, faults, source.study_design)
        return Preparation(draft, tuple(faults))
    if mapping is None:
        return Preparation(Draft(), tuple(faults))
    return await _read_mapped(context, table, mapping, types, vocabularies, faults)


async def _read_mapped(
    context: RequestContext,
    table: Table,
    mapping: Mapping,
    types: dict[str, EntityTypeRecord],
    vocabularies: Vocabularies,
    faults: list[Fault],
) -> Preparation:
    plan = Plan()
    if table.columns:
        plan = mapped_sheet.read_plan(table, mapping, vocabularies, faults)
    data_sets = await _types(context, Kind.OMICS_DATASET) if mapping.omics else {}
    systems: frozenset[str] = frozenset()
    if mapping.external_systems:
        systems = await context.services.openbis.external_systems(
            context.openbis_token(), context.call
        )
    every = {Kind.SAMPLE: types, Kind.OMICS_DATASET: data_sets}
    additions = additions_of(mapping, vocabularies.added, every, systems, faults)
    draft = mapped_sheet.draft_of(plan, mapping)
    return Preparation(draft, tuple(faults), (), additions, plan, mapping)


async def _types(context: RequestContext, kind: Kind) -> dict[str, EntityTypeRecord]:
    found = await context.services.openbis.entity_types(context.openbis_token(), kind, context.call)
    return {each.code: each for each in found}


def _strangers(unknown: list[str], draft: Draft) -> list[Fault]:
    """Faults of the parents that openBIS should have, and has not."""
    return [
        Fault(sample.line, "parents", f"openBIS has no sample {parent} that you may see")
        for sample in draft.samples
        for parent in sample.registered_parents
        if parent in unknown
    ]
