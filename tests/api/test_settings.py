from __future__ import annotations

import base64
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.limits import Limits
from api.production import omero_address
from api.settings import Settings, SettingsError, decode_key, load_settings, variables
from backends.omero.ice_address import IceOptions

KEY = base64.b64encode(bytes(range(32))).decode()


def fault(**environment: str) -> str:
    with pytest.raises(SettingsError) as stopped:
        load_settings({f"OMNIBIS_{name}": value for name, value in environment.items()})
    message = str(stopped.value)
    assert "\n" not in message
    return message


def test_defaults_are_safe() -> None:
    settings = load_settings({})
    assert settings.host == "127.0.0.1"
    assert settings.token_key is None
    for name in ("explorer", "introspection", "suggestions"):
        assert getattr(settings, name) is False
    assert settings.limits == Limits()


def test_reads_the_environment_and_nothing_else_of_it() -> None:
    settings = load_settings(
        {
            "PATH": "/bin",
            "PORT": "1",
            "OMNIBIS_PORT": "9000",
            "OMNIBIS_EXPLORER": "true",
            "OMNIBIS_OPENBIS_URL": "https://openbis.example.org/prefix",
            "OMNIBIS_LIMITS_DEPTH": "12",
            "OMNIBIS_LIMITS_DEADLINE_SECONDS": "2.5",
        }
    )
    assert (settings.port, settings.explorer) == (9000, True)
    assert settings.openbis_url == "https://openbis.example.org/prefix"
    assert settings.limits == Limits(depth=12, deadline_seconds=2.5)


def test_arguments_come_before_the_environment() -> None:
    assert load_settings({"OMNIBIS_PORT": "9000"}, port=7).port == 7


def test_a_setting_may_not_be_changed_after_it_was_read() -> None:
    settings: Any = load_settings({})
    with pytest.raises(ValidationError):
        settings.port = 1
    with pytest.raises(ValidationError):
        settings.limits.depth = 1


def test_secrets_may_stand_in_files(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n", encoding="utf-8")
    key = load_settings({"OMNIBIS_TOKEN_KEY_FILE": str(file)}).token_key
    assert key is not None
    assert decode_key(key) == bytes(range(32))
    both = fault(TOKEN_KEY_FILE=str(file), TOKEN_KEY=KEY)
    assert both == "OMNIBIS_TOKEN_KEY and OMNIBIS_TOKEN_KEY_FILE are both set."
    assert "cannot be read: /nowhere" in fault(TOKEN_KEY_FILE="/nowhere")
    assert "OMNIBIS_PORT_FILE is not a setting" in fault(PORT_FILE=str(file))


@pytest.mark.parametrize("alphabet", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("padding", ["", "="])
def test_keys_are_read_in_either_alphabet(alphabet: Any, padding: str) -> None:
    raw = bytes([0xFB, 0xFF] * 16)
    text = alphabet(raw).decode().rstrip("=") + padding
    key = load_settings({"OMNIBIS_TOKEN_KEY": text}).token_key
    assert key is not None
    assert decode_key(key) == raw


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "http", "OMNIBIS_PORT: the port to listen on"),
        ("PORT", "70000", "less than or equal to 65535 (is '70000')"),
        ("LOG_LEVEL", "loud", "'debug', 'info', 'warning' or 'error' (is 'loud')"),
        ("OPENBIS_URL", "ftp://x", "OMNIBIS_OPENBIS_URL: where openBIS is"),
        ("EXPLORER", "perhaps", "OMNIBIS_EXPLORER: serve the explorer"),
        ("LIMITS_DEPTH", "4", "OMNIBIS_LIMITS_DEPTH: nested fields"),
        ("PROT", "1", "OMNIBIS_PROT is not a setting of omnibis. Did you mean OMNIBIS_PORT?"),
        ("XYZZY", "1", "OMNIBIS_XYZZY is not a setting of omnibis."),
    ],
)
def test_a_bad_value_is_told_with_what_is_allowed(name: str, value: str, told: str) -> None:
    assert told in fault(**{name: value})


def test_all_faults_are_told_in_one_line() -> None:
    told = fault(PORT="x", LOG_LEVEL="y")
    assert "OMNIBIS_PORT" in told
    assert "OMNIBIS_LOG_LEVEL" in told


@given(st.text(string.printable.replace("\n", ""), min_size=8, max_size=80))
def test_a_bad_secret_is_never_repeated(secret: str) -> None:
    if len(base64.b64encode(bytes(32))) - 2 <= len(secret.strip()) <= 45:
        return  # might be a key
    assert secret not in fault(TOKEN_KEY=secret)


def test_a_bad_database_url_is_never_repeated() -> None:
    told = fault(DATABASE_URL="mysql://root:hunter2@db/links")
    assert "hunter2" not in told
    assert "must start with sqlite:// or postgresql://" in told
    settings = load_settings({"OMNIBIS_DATABASE_URL": "postgresql://u:hunter2@db/links"})
    assert "hunter2" not in repr(settings)


def test_every_setting_says_what_it_is() -> None:
    for model in (Settings, Limits):
        for name, field in model.model_fields.items():
            assert field.description, name
    assert variables()["OMNIBIS_LIMITS_TOKENS"] == ("limits", "tokens")
    assert set(variables()) >= {"OMNIBIS_TOKEN_KEY_FILE", "OMNIBIS_DATABASE_URL_FILE"}


def test_a_setting_that_is_a_file_is_not_a_secret_in_a_file() -> None:
    settings = load_settings({"OMNIBIS_OPENBIS_CA_FILE": "/etc/openbis.pem"})
    assert settings.openbis_ca_file == Path("/etc/openbis.pem")


def test_how_omero_is_spoken_to_is_set_by_the_environment() -> None:
    settings = load_settings(
        {
            "OMNIBIS_OMERO_HOST": "wss://omero.example.org/omero-ws",
            "OMNIBIS_OMERO_PORT": "4066",
            "OMNIBIS_OMERO_VERIFY": "false",
            "OMNIBIS_OMERO_CA_FILE": "/etc/omero.pem",
            "OMNIBIS_OMERO_ALLOW_PLAIN": "true",
            "OMNIBIS_OMERO_CONNECT_TIMEOUT": "1.5",
            "OMNIBIS_OMERO_INVOCATION_TIMEOUT": "7",
            "OMNIBIS_OMERO_KEEP_ALIVE": "100",
            "OMNIBIS_OMERO_SEPARATE_CLIENTS": "true",
        }
    )
    address, options = omero_address(settings)
    assert (address.protocol, address.host) == ("wss", "omero.example.org")
    assert (address.port, address.path) == (4066, "/omero-ws")
    assert options == IceOptions(
        verify=False,
        ca_file=Path("/etc/omero.pem"),
        connect_timeout=1.5,
        invocation_timeout=7.0,
        keep_alive=100.0,
        separate=True,
    )
    assert omero_address(load_settings({}, omero_host="omero.example.org"))[1] == IceOptions()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OMERO_HOST", "user@omero.example.org"),
        ("OMERO_PORT", "0"),
        ("OMERO_KEEP_ALIVE", "600"),
        ("OMERO_KEEP_ALIVE", "0"),
        ("OMERO_INVOCATION_TIMEOUT", "0"),
        ("OMERO_VERIFY", "perhaps"),
    ],
)
def test_what_omero_cannot_be_set_to(name: str, value: str) -> None:
    assert fault(**{name: value}).startswith(f"OMNIBIS_{name}: ")
