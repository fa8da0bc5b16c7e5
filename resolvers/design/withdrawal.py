"""Taking a registration back: samples and experiments to the trash, codes out of the design.

What is looked for are the codes that the registration has claimed; of them only what it made is
taken back. Codes are not given out again. Repeating it changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection

from backends.fetch import Fetch
from backends.openbis.client import Get
from backends.openbis.design import (
    SETUP_PROPERTY,
    Design,
    Factor,
    FactorLevel,
    Technology,
    read_design,
)
from backends.openbis.design_document import write_design
from backends.openbis.write import Change, ExperimentUpdate, Removal
from backends.records import Kind
from resolvers.context import RequestContext
from resolvers.design.registration import Registration, Written, find_part, info_identifier


async def withdraw(context: RequestContext, registration: Registration, reason: str) -> int:
    """Delete what a registration has made, and return how many samples that were.

    Raises:
        BackendError: openBIS did not answer, or the viewer may not delete.
    """
    written = Written.nothing()
    for number in range(len(registration.parts())):
        found = await find_part(context, registration, number, written)
        if found is None:
            break  # parts are made in their order
        written = found
    place = registration.place
    wanted = (
        info_identifier(place),
        *(f"{place.identifier}/{code}" for code in written.experiments.values()),
    )
    (there,) = await context.services.openbis.execute(
        context.openbis_token(),
        [Get(Kind.EXPERIMENT, wanted, Fetch.of("properties"))],
        context.call,
    )
    changes: list[Change] = []
    info = there.pop(info_identifier(place), None)
    if info is not None and written.codes:
        texts = (each.value for each in info.properties or () if each.code == SETUP_PROPERTY)
        design = read_design(next(texts, None))
        if isinstance(design, Design):
            rest = without_samples(design, frozenset(written.codes.values()))
            if rest != design:
                changes.append(ExperimentUpdate(info.perm_id, {SETUP_PROPERTY: write_design(rest)}))
    if written.perm_ids:
        changes.append(Removal(Kind.SAMPLE, tuple(written.perm_ids.values()), reason))
    if there:
        experiments = tuple(sorted(each.perm_id for each in there.values()))
        changes.append(Removal(Kind.EXPERIMENT, experiments, reason))
    if changes:
        await context.services.openbis.transact(
            context.openbis_token(), changes, context.call, in_order=True
        )
    return len(written.perm_ids)


def without_samples(design: Design, codes: Collection[str]) -> Design:
    """Return a design without some samples, and without levels that nothing is left of."""
    factors = (
        Factor(
            factor.label,
            factor.unit,
            tuple(
                FactorLevel(level.value, left)
                for level in factor.levels
                if (left := tuple(each for each in level.sample_codes if each not in codes))
                or not level.sample_codes
            ),
        )
        for factor in design.factors
    )
    technologies = (
        Technology(each.name, tuple(code for code in each.sample_codes if code not in codes))
        for each in design.technologies
    )
    return Design(
        design.study_design,
        tuple(each for each in technologies if each.sample_codes),
        tuple(factor for factor in factors if factor.levels),
        tuple(each for each in design.sample_properties if each.sample_code not in codes),
    )
