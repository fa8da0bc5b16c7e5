"""What the doctor finds at OMERO, and what it says to do."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from backends.findings import Finding, State
from backends.omero.doctor import OmeroCredentials, examine_omero
from backends.omero.ice_address import IceOptions, OmeroAddress
from tests.backends.demo.omero.laboratory import PASSWORD, laboratory

REASON = "the extra omnibis[omero] is not installed"
pytest.importorskip("omero", reason=REASON)
OmeroIceServer = pytest.importorskip("backends.demo.omero.ice_server").OmeroIceServer

ANN = OmeroCredentials("ann", SecretStr(PASSWORD))


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with OmeroIceServer(laboratory()) as server:
        yield server


async def found(
    server: Any, protocol: str, options: IceOptions, viewer: OmeroCredentials | None
) -> dict[str, Finding]:
    address = OmeroAddress.parse(f"{protocol}://127.0.0.1", server.ports[protocol])
    return {each.check: each for each in await examine_omero(address, options, viewer)}


def states(findings: dict[str, Finding]) -> dict[str, str]:
    return {name.removeprefix("OMERO "): each.state.value for name, each in findings.items()}


@pytest.mark.parametrize("protocol", ["ssl", "wss"])
async def test_a_healthy_omero(server: Any, protocol: str) -> None:
    doors = server.doors
    findings = await found(server, protocol, IceOptions(ca_file=server.certificate), ANN)
    names = ("address", "connection", "TLS", "login", "version", "groups", "images")
    assert states(findings) == dict.fromkeys(names, "OK")
    assert findings["OMERO login"].found == "Logged in as ann, a user."
    assert findings["OMERO groups"].found == "Groups: 2 (closed, lab)."
    assert findings["OMERO images"].found == "Projects: 1; images: 7."
    assert findings["OMERO version"].found.startswith("OMERO 5.6.")
    assert "the certificate is trusted" in findings["OMERO TLS"].found
    assert server.doors == doors


async def test_a_certificate_that_nobody_vouches_for(server: Any) -> None:
    findings = await found(server, "ssl", IceOptions(), ANN)
    assert states(findings) == {
        "address": "OK",
        "connection": "OK",
        "TLS": "PROBLEM",
        "login": "SKIPPED",
    }
    assert "self-signed" in findings["OMERO TLS"].found
    assert "OMNIBIS_OMERO_CA_FILE" in (findings["OMERO TLS"].advice or "")


async def test_what_is_not_checked_or_not_encrypted_is_warned_of(server: Any) -> None:
    unchecked = await found(server, "ssl", IceOptions(verify=False), ANN)
    assert states(unchecked)["address"] == "WARNING"
    assert states(unchecked)["login"] == "OK"
    plain = await found(server, "tcp", IceOptions(), None)
    assert states(plain) == {"address": "WARNING", "connection": "OK", "login": "SKIPPED"}


async def test_a_port_without_tls(server: Any) -> None:
    address = OmeroAddress.parse("ssl://127.0.0.1", server.ports["tcp"])
    findings = {each.check: each for each in await examine_omero(address, IceOptions(), ANN)}
    assert states(findings)["TLS"] == "PROBLEM"
    assert "omero certificates" in (findings["OMERO TLS"].advice or "")


async def test_a_closed_port_and_a_name_that_nobody_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    closed = await examine_omero(OmeroAddress.parse("127.0.0.1", port), IceOptions(), ANN)
    assert closed[1].found == "The port is closed."
    nowhere = await examine_omero(OmeroAddress.parse("omero.invalid"), IceOptions(), ANN)
    assert nowhere[1].found == "This name is not known here."
    assert [each.state for each in nowhere[1:]] == [State.PROBLEM, State.SKIPPED]


async def test_a_wrong_password_and_a_dead_session(server: Any) -> None:
    options = IceOptions(ca_file=server.certificate)
    wrong = await found(server, "ssl", options, OmeroCredentials("ann", SecretStr("n0t-the-one")))
    assert wrong["OMERO login"].state is State.PROBLEM
    assert "OMERO.web" in (wrong["OMERO login"].advice or "")
    dead = SecretStr("8a3b6c1e-0000-4000-8000-000000000000")
    over = await found(server, "ssl", options, OmeroCredentials(session=dead))
    assert over["OMERO login"].state is State.PROBLEM
    assert "Log in again" in (over["OMERO login"].advice or "")
    told = repr(wrong) + repr(over)
    assert "n0t-the-one" not in told
    assert dead.get_secret_value() not in told


async def test_a_session_of_ones_own_is_left_open(server: Any) -> None:
    session = server.store.login("ann", PASSWORD)
    options = IceOptions(ca_file=server.certificate)
    findings = await found(server, "ssl", options, OmeroCredentials(session=SecretStr(session)))
    assert states(findings)["login"] == "OK"
    assert server.store.session(session).user_name == "ann"


async def test_each_sees_the_groups_of_his_own(server: Any) -> None:
    options = IceOptions(ca_file=server.certificate)
    eve = OmeroCredentials("eve", SecretStr(PASSWORD))
    findings = await found(server, "ssl", options, eve)
    assert findings["OMERO groups"].found == "Groups: 2 (closed, open)."
    assert states(findings)["images"] == "OK"


async def test_an_old_server_and_one_that_fails(server: Any, monkeypatch: Any) -> None:
    from backends.omero.ice_transport import IceTransport  # noqa: PLC0415 - needs Ice

    async def old(_self: Any, _session: SecretStr) -> str:
        return "5.4.10-ice36"

    monkeypatch.setattr(IceTransport, "version", old)
    options = IceOptions(ca_file=server.certificate)
    server.store.faults.fail_next["projection"] = 9
    findings = await found(server, "ssl", options, ANN)
    server.store.faults.fail_next.clear()
    assert findings["OMERO version"].advice == "Upgrade to OMERO 5.6 or newer."
    assert states(findings)["groups"] == states(findings)["images"] == "PROBLEM"


async def test_a_missing_library_and_missing_certificates(monkeypatch: Any, tmp_path: Path) -> None:
    address = OmeroAddress.parse("omero.example")
    lost = await examine_omero(address, IceOptions(ca_file=tmp_path / "none"), ANN)
    assert [each.check for each in lost] == ["OMERO address", "OMERO certificates"]
    monkeypatch.setitem(sys.modules, "backends.omero.ice_transport", None)
    missing = await examine_omero(address, IceOptions(), ANN)
    assert [each.check for each in missing] == ["OMERO address", "OMERO library"]
    assert "pip install 'omnibis[omero]'" in (missing[1].advice or "")
