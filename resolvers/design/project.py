"""The project that something is registered in, as the registration needs it, in one round trip."""

from __future__ import annotations

from dataclasses import dataclass

from backends.errors import NotFound, Source
from backends.fetch import Fetch
from backends.records import ProjectRecord
from resolvers import catalog
from resolvers.context import RequestContext


@dataclass(frozen=True, slots=True)
class Place:
    """A project by all of its names."""

    perm_id: str
    code: str
    space: str

    @property
    def identifier(self) -> str:
        """`/SPACE/CODE`."""
        return f"/{self.space}/{self.code}"


async def find_place(context: RequestContext, project: str) -> Place:
    """Find a project by `/SPACE/CODE`, permId, or a code that only one project has.

    Raises:
        NotFound: there is none, or several, that the viewer sees.
    """
    record = await catalog.project_by_identifier(context, project, Fetch.of("space"))
    return place_of(record)


def place_of(record: ProjectRecord) -> Place:
    """Return the place that a project's record tells."""
    space = record.space or record.identifier.strip("/").partition("/")[0]
    if not space:
        raise NotFound(Source.OPENBIS, "This project is in no space that you may see.")
    return Place(record.perm_id, record.code, space)
