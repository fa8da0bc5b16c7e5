"""Small random installations behind the whole house, and who sees what in them by other means.

What each viewer may see is told by pybis and by omero-py's gateway, unmodified, over the wire to
the same embedded servers: two witnesses that know nothing of omnibis.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from pybis import Openbis

from api.app import create_app
from api.auth import TokenBox
from api.demonstration import Demonstration, demonstration
from api.settings import load_settings
from backends.demo.accounts import DEMO_PASSWORD
from resolvers.paging import encode_id
from tests.resolvers.cohorts.worlds import make_land
from tests.serving import serve

gateway = pytest.importorskip("omero.gateway", reason="the extra omnibis[omero] is not installed")

USERS = ("steward", "plant", "oncology", "genomics", "microscopy")
OF_OPENBIS = ("Project", "Experiment", "Sample", "OmicsDataset")
# What no other system knows of: how one of it is opened, and how they are listed.
OWN = {
    "Operation": ("operation", "operations"),
    "CohortSnapshot": ("cohortSnapshot", "cohortSnapshots"),
}
SEEDS = (3, 24)
NO_LONGER = httpx.Limits(keepalive_expiry=1.0)  # than the server keeps a connection that is idle
Ids = dict[str, set[str]]  # by type: the global ids


@dataclass
class Installation:
    """One land behind the house, with a client for each user."""

    seed: int
    address: str
    built: Demonstration
    clients: dict[str, httpx.Client] = field(default_factory=dict)
    sees: dict[str, Ids] = field(default_factory=dict)  # by user, as the witnesses say
    links: Ids = field(default_factory=dict)

    def answer(self, user: str, query: str, **variables: Any) -> Any:
        """Ask as a user; the whole answer."""
        response = self.clients[user].post(
            "/graphql", json={"query": query, "variables": variables}
        )
        assert response.status_code == 200, response.text
        return response.json()

    def data(self, user: str, query: str, **variables: Any) -> Any:
        """Ask as a user; the data, beside which there may be errors."""
        return self.answer(user, query, **variables)["data"]

    def all(self, type_: str) -> list[str]:
        """The ids of all objects of a type, in order."""
        return sorted(self.sees["steward"][type_])


def openbis_ids(address: str, user: str) -> Ids:
    """What pybis shows to a user; nothing to one whom openBIS does not let in."""
    client = Openbis(
        address,
        use_cache=False,
        allow_http_but_do_not_use_this_in_production_and_only_within_safe_networks=True,
    )
    try:
        client.login(user, DEMO_PASSWORD, save_token=False)
        found = {
            "Project": client.get_projects(),
            "Experiment": client.get_experiments(),
            "Sample": client.get_samples(),
            "OmicsDataset": client.get_datasets(),
        }
        client.logout()
    except ValueError as refused:
        if "No role assignments" not in str(refused):
            raise
        return {type_: set() for type_ in OF_OPENBIS}
    assert found.keys() == set(OF_OPENBIS)
    return {
        type_: {encode_id(type_, str(each)) for each in rows.df["permId"]} if len(rows) else set()
        for type_, rows in found.items()
    }


def omero_ids(port: int, user: str) -> Ids:
    """What the gateway shows to a user, in all groups."""
    connection = gateway.BlitzGateway(user, DEMO_PASSWORD, host="127.0.0.1", port=port, secure=True)
    assert connection.connect(), connection.getLastError()
    try:
        connection.SERVICE_OPTS.setOmeroGroup("-1")
        return {
            type_: {encode_id(type_, each.getId()) for each in connection.getObjects(kind)}
            for type_, kind in (
                ("ImageProject", "Project"),
                ("ImageDataset", "Dataset"),
                ("Image", "Image"),
            )
        }
    finally:
        connection.close()


def link_ids(installation: Installation, openbis: Ids) -> Ids:
    """A link is there for whoever sees its openBIS end (design of the field `link`)."""
    query = "{ node(id: %s) { ... on %s { link { id } } } }"
    found: Ids = {}
    for type_, link in (("Project", "ProjectLink"), ("Sample", "SampleLink")):
        found[link] = set()
        for each in openbis[type_]:
            node = installation.data("steward", query % (f'"{each}"', type_))["node"]
            if node["link"] is not None:
                found[link].add(node["link"]["id"])
    return found


@pytest.fixture(scope="module", params=SEEDS)
def installation(request: pytest.FixtureRequest) -> Iterator[Installation]:
    settings = load_settings({}, introspection=True)
    land = make_land(request.param)
    with ExitStack() as stack:
        built = demonstration(settings, wire=True, world=land.world)
        app = create_app(settings, built.parts, TokenBox((b"p" * 32,)))
        address = stack.enter_context(serve(app, lifespan=True))
        made = Installation(request.param, address, built)
        login = 'mutation ($u: String!) { login(username: $u, password: "demo") { token } }'
        for user in USERS:
            client = stack.enter_context(
                httpx.Client(base_url=address, timeout=60, limits=NO_LONGER)
            )
            made.clients[user] = client
            token = made.data(user, login, u=user)["login"]["token"]
            client.headers["authorization"] = f"Bearer {token}"
        assert built.openbis_address is not None
        for user in USERS:
            openbis = openbis_ids(built.openbis_address, user)
            made.sees[user] = {
                **openbis,
                **omero_ids(built.omero_ports["ssl"], user),
                **link_ids(made, openbis),
            }
        yield made
