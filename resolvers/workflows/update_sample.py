"""UPDATE_SAMPLE: other property values and parents in openBIS; OMERO follows where it mirrors them.

Only what is to be different is sent, so that two people who change different properties do not
undo each other's work. The dataset in OMERO follows where its name or description is the old value
of a property that changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from backends.errors import ChangedMeanwhile, NotFound, Source
from backends.fetch import Fetch
from backends.openbis.write import SampleUpdate
from backends.records import ImagingKind, Kind, SampleRecord
from link_store.operation_records import OperationRecord
from resolvers import catalog, masterdata
from resolvers.context import RequestContext
from resolvers.errors import BadInput
from resolvers.workflows import ends, mirror, rights
from resolvers.workflows.definition import Json, Run, Step, Workflow

KIND: Final = "UPDATE_SAMPLE"
WHOLE: Final = Fetch.of("type", "properties", parents=Fetch())
VOCABULARY: Final = "CONTROLLEDVOCABULARY"
Values: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SampleChanges:
    """What is to be different: values by property code (none: taken away), parents by name."""

    properties: Mapping[str, Values] = field(default_factory=dict)
    add_parents: Sequence[str] = ()
    remove_parents: Sequence[str] = ()


async def update_sample(
    context: RequestContext,
    sample: str,
    changes: SampleChanges,
    *,
    key: str | None = None,
    dry_run: bool = False,
) -> OperationRecord | None:
    """Change a sample.

    Returns:
        The operation; None for a dry run.

    Raises:
        NotFound: the sample or a parent is not there, or the viewer may not see it.
        AccessDenied: the viewer may not change one of the ends.
        BadInput: the sample's type has no such property, or its vocabulary no such term.
    """
    found = await catalog.get(context, Kind.SAMPLE, sample, WHOLE)
    wanted = {code.strip().upper(): list(values) for code, values in changes.properties.items()}
    add = [await _perm_id(context, each) for each in changes.add_parents]
    remove = [await _perm_id(context, each) for each in changes.remove_parents]
    if not (wanted or add or remove):
        raise BadInput("Say what is to be different: properties, or parents.")
    request: Json = {
        "permId": found.perm_id,
        "properties": wanted,
        "addParents": add,
        "removeParents": remove,
    }
    operations = context.operations()
    known = await operations.known(context, KIND, request, key)
    if known is not None:
        return known
    await _check_values(context, found, wanted)
    await rights.require(context, "UPDATE", Kind.SAMPLE, found.perm_id)
    held = {each.code: list(each.values) for each in found.properties or ()}
    asked = {
        **request,
        "request": request,
        "identifier": found.identifier,
        "before": {code: held.get(code, []) for code in wanted},
        "mirror": await _mirror(context, found, held, wanted),
    }
    return None if dry_run else await operations.submit(context, KIND, asked, key)


async def _perm_id(context: RequestContext, name: str) -> str:
    record = await catalog.get(context, Kind.SAMPLE, name, Fetch())
    return str(record.perm_id)


async def _check_values(
    context: RequestContext, found: SampleRecord, wanted: Mapping[str, list[str]]
) -> None:
    """Refuse what openBIS would, in words that say which value it is."""
    declared = await masterdata.entity_type(context, Kind.SAMPLE, found.type_code or "")
    known = {each.code: each for each in declared.properties} if declared else {}
    for code, values in wanted.items():
        definition = known.get(code)
        if definition is None:
            raise BadInput(
                f"A {found.type_code} has no property {code}; it has {', '.join(sorted(known))}."
            )
        if definition.mandatory and not values:
            raise BadInput(f"{code} is mandatory for a {found.type_code}: give it another value.")
        if definition.vocabulary is not None and definition.data_type == VOCABULARY:
            terms = {term.code for term in definition.vocabulary.terms}
            for value in values:
                if value.upper() not in terms:
                    raise BadInput(
                        f"{value!r} is no term of {definition.vocabulary.code}, which {code} takes."
                    )


async def _mirror(
    context: RequestContext,
    found: SampleRecord,
    held: Mapping[str, list[str]],
    wanted: Mapping[str, list[str]],
) -> Json | None:
    links = context.services.links
    link = (await links.sample_links([found.perm_id])).get(found.perm_id)
    if link is None:
        return None
    planned: Json | None = None
    for code, values in wanted.items():
        old, new = (next(iter(each), None) for each in (held.get(code, []), values))
        pairs = {"name": (old, new), "description": (old, new)}
        part = await mirror.plan(context, ImagingKind.IMAGE_DATASET, link.omero_id, pairs)
        if part is not None:
            values_so_far = {} if planned is None else planned["values"]
            planned = {**part, "values": {**part["values"], **values_so_far}}
    return planned


# --- the steps ----------------------------------------------------------------------------------


async def _write(run: Run) -> None:
    asked = run.input
    await _change(
        run, (asked["before"], asked["properties"]), asked["addParents"], asked["removeParents"]
    )


async def _unwrite(run: Run) -> None:
    asked, run.again = run.input, True
    await _change(
        run, (asked["properties"], asked["before"]), asked["removeParents"], asked["addParents"]
    )


async def _change(
    run: Run,
    values: tuple[Mapping[str, list[str]], Mapping[str, list[str]]],
    add: list[str],
    remove: list[str],
) -> None:
    old, new = values
    context, perm_id = run.context, run.input["permId"]
    found: Any = await ends.in_openbis(run, Kind.SAMPLE, perm_id, WHOLE)
    if found is None:
        raise NotFound(Source.OPENBIS, "The sample is not there any more.")
    held = {each.code: list(each.values) for each in found.properties}
    parents = {each.perm_id for each in found.parents}
    delta = {code: wanted for code, wanted in new.items() if held.get(code, []) != wanted}
    for code in delta:
        # Begun before, it may be our own value, which openBIS spells in its own way.
        if not run.again and held.get(code, []) != old[code]:
            raise ChangedMeanwhile(
                Source.OPENBIS, f"Somebody else has changed {code}; look at it again."
            )
    adding = [each for each in add if each not in parents]
    removing = [each for each in remove if each in parents]
    if not (delta or adding or removing):
        return
    update = SampleUpdate(
        perm_id,
        {code: _on_wire(wanted) for code, wanted in delta.items()},
        add_parents=adding,
        remove_parents=removing,
    )
    await context.services.openbis.transact(context.openbis_token(), [update], context.call)


def _on_wire(values: list[str]) -> str | list[str] | None:
    if not values:
        return None
    return values[0] if len(values) == 1 else values


UPDATE_SAMPLE: Final = Workflow(
    KIND,
    (
        Step("openbis", "Change the sample in openBIS", _write, _unwrite),
        mirror.STEP,
    ),
    title=lambda asked: f"Update sample {asked['identifier']}",
    claims=lambda asked: (f"sample {asked['permId']}",),
    outcome=lambda run: {
        "sample": run.input["permId"],
        "imageDataset": (run.input["mirror"] or {}).get("omeroId"),
    },
)
