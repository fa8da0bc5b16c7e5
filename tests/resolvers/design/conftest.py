"""A signed-in steward over the embedded installation, who registers and then looks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from api.demonstration import Demonstration, demonstration
from api.settings import load_settings
from backends.demo.accounts import DEMO_PASSWORD
from backends.fetch import Fetch
from backends.filters import PageRequest, SampleFilter, Sort, StringMatch
from backends.lane import Call
from backends.omero.changes import NewContainer
from backends.openbis.client import Search
from backends.openbis.write import NewProject
from backends.records import Kind, SampleRecord
from resolvers.context import RequestContext, Viewer
from resolvers.design.project import Place
from resolvers.loaders import Loaders


@dataclass
class Laboratory:
    """The embedded installation and its steward."""

    built: Demonstration
    viewer: Viewer

    def context(self) -> RequestContext:
        context = RequestContext(self.viewer, self.built.parts.services, "test")
        Loaders(context)
        return context

    async def project(self, code: str, space: str = "CLINICAL") -> Place:
        """Open a project in openBIS alone."""
        (perm_id,) = await self.built.parts.services.openbis.transact(
            self.context().openbis_token(), [NewProject(space, code, "A test")], Call()
        )
        assert perm_id is not None
        return Place(perm_id, code, space)

    async def imaged_project(self, code: str) -> Place:
        """Open a project in both systems, linked."""
        place = await self.project(code)
        context = self.context()
        services = self.built.parts.services
        identity = await services.omero.identity(context.omero_session(), Call())
        made = await services.omero.create_image_project(
            context.omero_session(), NewContainer(code), group=identity.group_id, call=Call()
        )
        await services.links.link_project(place.perm_id, made.id, author="steward")
        return place

    async def samples(self, code: str) -> list[SampleRecord]:
        """All samples whose codes begin with a project's, with properties, parents, experiment."""
        context = self.context()
        fetch = Fetch.of("properties", "parents", "experiment", "type")
        where = SampleFilter(code=StringMatch(starts_with=code))
        request = PageRequest(5000, Sort("code"))
        (page,) = await self.built.parts.services.openbis.execute(
            context.openbis_token(), [Search(Kind.SAMPLE, where, request, fetch)], Call()
        )
        return list(page.items)


def properties(record: Any) -> dict[str, str | None]:
    return {each.code: each.value for each in record.properties or ()}


@pytest.fixture
async def laboratory() -> AsyncIterator[Laboratory]:
    built = demonstration(load_settings({}))
    assert built.parts.start is not None
    assert built.parts.stop is not None
    await built.parts.start()
    services = built.parts.services
    password = SecretStr(DEMO_PASSWORD)
    viewer = Viewer(
        "steward",
        "steward",
        await services.openbis.login("steward", password, Call()),
        await services.omero.login("steward", password, Call()),
    )
    yield Laboratory(built, viewer)
    await built.parts.stop()
