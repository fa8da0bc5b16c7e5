"""The samples and images that rows speak of: found in both systems, before anything is written.

A sample is named by its code or by the name that its submitter gave it, within one project. Rows
become `ImageTask`s, with the permId of the sample; what cannot be found is a fault of its row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from backends.fetch import Fetch
from backends.filters import PageRequest, ProjectFilter, PropertyMatch, SampleFilter, StringMatch
from backends.openbis.client import Search
from backends.records import Kind, SampleRecord
from backends.sheets.faults import Fault
from resolvers import catalog
from resolvers.context import RequestContext
from resolvers.design.levels import NAME_PROPERTY
from resolvers.design.project import Place
from resolvers.image_registration.request import ImageRow

PAGE: Final = 2000
NAMES_AT_ONCE: Final = 500
RUN_TYPE: Final = "Q_BMI_GENERIC_IMAGING_RUN"


@dataclass(frozen=True, slots=True)
class Target:
    """A sample that images are registered for."""

    perm_id: str
    code: str
    identifier: str
    name: str | None

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


async def find_samples(
    context: RequestContext, place: Place, rows: Sequence[ImageRow], faults: list[Fault]
) -> dict[str, Target]:
    """Find the samples of a project that rows name, adding a fault for each that is not there.

    Returns:
        The samples by what the rows call them.
    """
    wanted = list(dict.fromkeys(row.sample for row in rows))
    found: dict[str, list[Target]] = {}
    for start in range(0, len(wanted), NAMES_AT_ONCE):
        chunk = wanted[start : start + NAMES_AT_ONCE]
        for record in await _search(context, place, chunk):
            target = _target(record)
            # An imaging run is called as its sample is, and is not what has the images.
            names = {record.code} if record.type_code == RUN_TYPE else {record.code, target.name}
            for name in names:
                if name is not None:
                    found.setdefault(name, []).append(target)
    problems: dict[str, str] = {}
    targets: dict[str, Target] = {}
    for name in wanted:
        matches = found.get(name) or found.get(name.upper()) or []
        exact = [each for each in matches if each.code == name.upper()] or matches
        if len(exact) == 1:
            targets[name] = exact[0]
        elif exact:
            codes = ", ".join(sorted(each.code for each in exact)[:5])
            problems[name] = f"several samples are called {name!r} ({codes}): give the code"
        else:
            problems[name] = f"{place.code} has no sample {name!r} that you may see"
    faults += [
        Fault(row.line, "sample", problems[row.sample]) for row in rows if row.sample in problems
    ]
    return targets


async def _search(
    context: RequestContext, place: Place, names: Sequence[str]
) -> list[SampleRecord]:
    own = ProjectFilter(perm_id=StringMatch(eq=place.perm_id))
    codes = tuple(dict.fromkeys(name.upper() for name in names))
    named = PropertyMatch(NAME_PROPERTY, StringMatch(one_of=tuple(names)))
    where = SampleFilter(
        project=own,
        any_of=(SampleFilter(code=StringMatch(one_of=codes)), SampleFilter(properties=(named,))),
    )
    request = PageRequest(PAGE, catalog.CODE_ORDER)
    (page,) = await context.services.openbis.execute(
        context.openbis_token(),
        [Search(Kind.SAMPLE, where, request, Fetch.of("properties", "type"))],
        context.call,
    )
    return list(page.items)


def _target(record: SampleRecord) -> Target:
    names = (each.value for each in record.properties or () if each.code == NAME_PROPERTY)
    return Target(record.perm_id, record.code, record.identifier, next(names, None))


async def check_images(
    context: RequestContext, rows: Sequence[ImageRow], faults: list[Fault]
) -> None:
    """Add a fault for each image that the viewer does not see, or that two samples are to have."""
    ids = {row.image_id: row for row in rows if row.image_id is not None}
    if not ids:
        return
    seen = await context.services.omero.images_by_ids(
        context.omero_session(), tuple(ids), Fetch(), context.call
    )
    owners: dict[int, str] = {}
    for row in rows:
        if row.image_id is None:
            continue
        if row.image_id not in seen:
            message = f"OMERO has no image {row.image_id} that you may see"
            faults.append(Fault(row.line, "image id", message))
        first = owners.setdefault(row.image_id, row.sample)
        if first != row.sample:
            message = f"image {row.image_id} is given to {first!r}, too"
            faults.append(Fault(row.line, "image id", message))


def targets_from_json(data: Mapping[str, Mapping[str, Any]]) -> dict[str, Target]:
    """Read plain data again."""
    return {name: Target(**each) for name, each in data.items()}
