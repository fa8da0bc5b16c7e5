"""`omnibis links` as an operator runs it: settings, openBIS over HTTP, OMERO over Ice with TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from backends.demo.omero.store import OmeroStore
from backends.demo.openbis.server import create_openbis_server
from tests.institute import add_study, nobody_home
from tests.serving import serve

pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    from backends.demo.omero.ice_server import OmeroIceServer  # noqa: PLC0415 - needs Ice

    world = nobody_home()
    add_study(world, "QWIRE", 3)
    store = OmeroStore(world.omero)
    server = OmeroIceServer(store)
    server.start()
    try:
        with serve(create_openbis_server(world.openbis)) as address:
            yield {
                "OMNIBIS_OPENBIS_URL": address,
                "OMNIBIS_OMERO_HOST": "ssl://127.0.0.1",
                "OMNIBIS_OMERO_PORT": str(server.ports["ssl"]),
                "OMNIBIS_OMERO_CA_FILE": str(server.certificate),
                "OMNIBIS_DATABASE_URL": f"sqlite:///{tmp_path / 'links.sqlite'}",
                "OMNIBIS_PASSWORD": "demo",
                "COLUMNS": "200",
            }
    finally:
        server.close()


def omnibis(environment: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, ["links", *arguments, "--user", "steward"], env=environment)


def test_links_are_adopted_audited_lost_and_rebuilt_over_the_wires(
    environment: dict[str, str], tmp_path: Path
) -> None:
    told = omnibis(environment, "discover")
    assert (told.exit_code, told.stdout.splitlines()[-1]) == (
        0,
        "4 linked, 0 refused, 0 ambiguous.",
    ), told.stderr
    assert omnibis(environment, "discover").stdout == "0 linked, 0 refused, 0 ambiguous.\n"
    assert omnibis(environment, "audit").exit_code == 0
    for file in tmp_path.glob("links.sqlite*"):
        file.unlink()
    rebuilt = omnibis(environment, "rebuild")
    assert rebuilt.stdout.startswith("4 restored"), rebuilt.stderr
    moved = omnibis(environment, "unlink", "--sample", "/CLINICAL/QWIRE00000", "--revision", "1")
    assert moved.exit_code == 0, moved.stderr
    assert omnibis(environment, "audit").exit_code == 1
    wrong = omnibis({**environment, "OMNIBIS_PASSWORD": "hunter2"}, "audit")
    assert wrong.exit_code == 2
    assert "hunter2" not in wrong.stderr
