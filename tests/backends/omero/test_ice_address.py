"""Addresses of OMERO servers and Ice's settings for them; nothing is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.demo.omero.ice_certificate import write_certificate
from backends.omero.ice_address import AddressError, IceOptions, OmeroAddress, ice_properties


@pytest.mark.parametrize(
    ("text", "port", "router"),
    [
        ("omero.example", None, "OMERO.Glacier2/router:ssl -h omero.example -p 4064"),
        ("omero.example", 14064, "OMERO.Glacier2/router:ssl -h omero.example -p 14064"),
        ("omero.example:24064", 14064, "OMERO.Glacier2/router:ssl -h omero.example -p 24064"),
        ("SSL://Omero.example", None, "OMERO.Glacier2/router:ssl -h Omero.example -p 4064"),
        ("wss://omero.example", None, "OMERO.Glacier2/router:wss -h omero.example -p 443"),
        (
            "wss://omero.example:4066/omero-ws",
            None,
            "OMERO.Glacier2/router:wss -h omero.example -p 4066 -r /omero-ws",
        ),
        ("tcp://127.0.0.1", None, "OMERO.Glacier2/router:tcp -h 127.0.0.1 -p 4063"),
        ("ws://localhost", 4065, "OMERO.Glacier2/router:ws -h localhost -p 4065"),
        ("tcp://[::1]:4063", None, "OMERO.Glacier2/router:tcp -h ::1 -p 4063"),
        (" 10.0.0.7 ", None, "OMERO.Glacier2/router:ssl -h 10.0.0.7 -p 4064"),
    ],
)
def test_addresses_of_all_kinds(text: str, port: int | None, router: str) -> None:
    assert OmeroAddress.parse(text, port).router.replace('"', "") == router


@pytest.mark.parametrize(
    "text",
    [
        *("", "omero example", "http://omero.example", "ssl://", "omero.example:0", "a:70000"),
        *("ssl://omero.example/path", "user@omero.example", "h -p 1", 'h" -p 1', "wss://h/p q"),
        *("ssl://h?x=1", "h;h", "[::1", "ssl://h:port"),
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(AddressError):
        OmeroAddress.parse(text)


@pytest.mark.parametrize("text", ["tcp://omero.example", "ws://10.0.0.7/x", "tcp://[2001:db8::1]"])
def test_passwords_go_unencrypted_over_a_network_only_when_that_is_asked_for(text: str) -> None:
    with pytest.raises(AddressError, match="unencrypted"):
        OmeroAddress.parse(text)
    assert not OmeroAddress.parse(text, allow_plain=True).is_encrypted


def test_certificates_are_checked_unless_that_is_switched_off(tmp_path: Path) -> None:
    address = OmeroAddress.parse("omero.example")
    checked = ice_properties(address, IceOptions())
    assert checked["IceSSL.VerifyPeer"] == "2"
    assert checked["IceSSL.CheckCertName"] == "1"
    assert checked["IceSSL.UsePlatformCAs"] == "1"
    file = tmp_path / "authority.pem"
    file.write_text("x")
    with pytest.raises(AddressError, match="holds none in PEM"):
        ice_properties(address, IceOptions(ca_file=file))
    write_certificate(file.with_suffix(".p12"), "omero.example")
    named = ice_properties(address, IceOptions(ca_file=file))
    assert named["IceSSL.CAs"] == str(file)
    assert "IceSSL.UsePlatformCAs" not in named
    unchecked = ice_properties(address, IceOptions(verify=False, ca_file=tmp_path / "none"))
    assert unchecked["IceSSL.VerifyPeer"] == "0"
    assert not any("CA" in name for name in unchecked if name.startswith("IceSSL"))
    with pytest.raises(AddressError, match="cannot be read"):
        ice_properties(address, IceOptions(ca_file=tmp_path / "none"))


def test_limits_become_those_of_ice() -> None:
    options = IceOptions(connect_timeout=1.5, message_kilobytes=10)
    properties = ice_properties(OmeroAddress.parse("tcp://localhost"), options)
    assert properties["Ice.Override.ConnectTimeout"] == "1500"
    assert properties["Ice.MessageSizeMax"] == "10"
    assert properties["Ice.RetryIntervals"] == "-1"
