"""The one table of settings: name, type, default and meaning of everything an operator can set.

Each setting is an environment variable `OMNIBIS_<NAME>`, a limit `OMNIBIS_LIMITS_<NAME>`. A secret
may stand in a file instead, named by `OMNIBIS_<NAME>_FILE`. Settings are read once, by
`load_settings`, called from `api/cli.py`, and frozen; nothing else in the house reads the
environment. It is one table, and so one file, however long. A bad value stops the start with a
`SettingsError` that says which and what is allowed,
and never repeats a secret.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import ipaddress
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from api.limits import Limits
from backends.omero.import_command import wrong_in

PREFIX: Final = "OMNIBIS_"
TEST_PREFIX: Final = "OMNIBIS_TEST_"  # what our tests are told, such as a live server's address
COMMANDS: Final = frozenset({"OMNIBIS_PASSWORD"})  # what a command is told of its user
SECRETS: Final = frozenset(
    {
        "token_key",
        "token_key_previous",
        "database_url",  # a URL may hold a password
        "snapshot_url",
        "workflows_url",
        "proxy_openbis_password",
        "proxy_omero_password",
    }
)
KEY_BYTES: Final = 32
Names: TypeAlias = tuple[str, ...]


class SettingsError(Exception):
    """A setting is wrong; the message is one line that says which, and what is allowed."""


class Settings(BaseSettings):
    """Everything an operator can set; see each field's description, and README."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1, description="the address to listen on")
    port: int = Field(
        default=8000, ge=0, le=65535, description="the port to listen on; 0 takes a free one"
    )

    openbis_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#]+",
        description="where openBIS is: https://host[:port][/prefix]; `omnibis serve` needs it",
    )
    openbis_ca_file: Path | None = Field(
        default=None,
        description="the only certificates to trust openBIS with, in PEM; else the system's",
    )
    openbis_verify: bool = Field(default=True, description="check openBIS's certificate")
    openbis_allow_http: bool = Field(
        default=False, description="speak plain http to an openBIS on another machine"
    )
    openbis_instance: str = Field(
        default="openbis",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="openBIS's name in the links",
    )
    openbis_concurrency: int = Field(
        default=8,
        ge=1,
        le=256,
        description="calls, and connections, to openBIS at one time, of each process",
    )
    readings_megabytes: int = Field(
        default=16,
        ge=0,
        le=4096,
        description="answers of openBIS and OMERO that each process remembers, so as not to read "
        "them again when the same bytes come again; their records take several times as much; "
        "0 reads all",
    )
    openbis_connect_timeout: float = Field(
        default=5.0, gt=0, le=600, description="seconds to open a connection to openBIS"
    )
    openbis_timeout: float = Field(
        default=30.0, gt=0, le=600, description="seconds for one openBIS call"
    )

    omero_host: str | None = Field(
        default=None,
        pattern=r"^[^\s?#@]+$",
        description="where OMERO is: a host name, or ssl://, wss://, tcp:// or ws://host[:port]",
    )
    omero_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="the port of OMERO's router; else what is usual: 4064 for a host name",
    )
    omero_ca_file: Path | None = Field(
        default=None,
        description="certificates to trust for OMERO, in PEM; else the system's",
    )
    omero_verify: bool = Field(default=True, description="check OMERO's certificate")
    omero_allow_plain: bool = Field(
        default=False, description="take a tcp:// or ws:// address of another machine"
    )
    omero_connect_timeout: float = Field(
        default=5.0, gt=0, le=600, description="seconds to open a connection to OMERO"
    )
    omero_invocation_timeout: float = Field(
        default=30.0, gt=0, le=600, description="seconds after which Ice gives up a call to OMERO"
    )
    omero_keep_alive: float = Field(
        default=240.0,
        ge=1,
        le=540,
        description="seconds between signs of life of each OMERO session (OMERO ends it at 600)",
    )
    omero_separate_clients: bool = Field(
        default=False,
        description="give each viewer an omero.client of his own, with four threads each",
    )
    omero_instance: str = Field(
        default="omero", pattern=r"^[A-Za-z0-9._-]{1,64}$", description="OMERO's name in the links"
    )
    omero_concurrency: int = Field(
        default=8,
        ge=1,
        le=256,
        description="calls to OMERO at one time, of each process",
    )
    omero_timeout: float = Field(
        default=30.0, gt=0, le=600, description="seconds for one OMERO call"
    )

    omero_web_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
        description="where OMERO.web is, with its prefix: https://host[:port][/prefix]",
    )
    omero_web_server: int = Field(
        default=1,
        ge=1,
        le=999,
        description="OMERO.web's number for this OMERO (omero.web.server_list)",
    )

    import_command: tuple[str, ...] | None = Field(
        default=None,
        description="the command that imports a file into OMERO, as a JSON list of arguments with "
        "{file}, {dataset} and perhaps {session}, {host}, {port}; it must print `Image:<id>`. "
        "Other users of the machine can see a {session} among the arguments; it is in the "
        "command's environment, too, as OMERO_IMPORT_SESSION",
    )
    import_folder: Path | None = Field(
        default=None, description="the only folder that files are imported from"
    )
    import_timeout: float = Field(
        default=3600.0, gt=0, le=86_400, description="seconds for the import of one file"
    )
    image_record: Literal["run-sample", "link-data-set", "none"] = Field(
        default="run-sample",
        description="what openBIS is told of registered images: an imaging run below the sample, "
        "a data set of kind LINK, or nothing (run-sample, link-data-set, none)",
    )
    image_system: str = Field(
        default="OMERO",
        pattern=r"^[A-Z0-9_.-]{1,60}$",
        description="OMERO's code among openBIS's external systems, for LINK data sets",
    )

    database_url: SecretStr = Field(
        default=SecretStr("sqlite:///omnibis.sqlite"),
        description="the link store: sqlite:///file, sqlite:// (temporary) or postgresql://…",
    )
    snapshot_url: SecretStr = Field(
        default=SecretStr("omnibis-snapshots"),
        min_length=1,
        description="where cohort snapshots lie, for all replicas: a folder, or an fsspec URL such "
        "as s3://bucket/path",
    )
    workflows_url: SecretStr | None = Field(
        default=None,
        description="the workflows' own tables (DBOS); else beside the link store's, in a file or "
        "in its PostgreSQL",
    )
    token_key: SecretStr | None = Field(
        default=None,
        description="32 random bytes in base64 that bearer tokens are encrypted with; `omnibis "
        "serve` needs it, the same in all replicas",
    )
    token_key_previous: SecretStr | None = Field(
        default=None,
        description="the key before it: tokens of it are read still, while keys are exchanged",
    )
    token_hours: float = Field(
        default=8.0,
        gt=0,
        le=720,
        description="how long a bearer token is good for, but never longer than the next two",
    )
    openbis_session_hours: float = Field(
        default=12.0, gt=0, le=720, description="how long a session of openBIS lasts, unused"
    )
    omero_session_hours: float = Field(
        default=720.0, gt=0, le=720, description="how long a session of OMERO lasts, kept alive"
    )

    proxy_peers: Names = Field(
        default=(),
        description="addresses or networks of proxies whose headers are believed, with commas",
    )
    proxy_user_header: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="the header in which these proxies name the user; none: no such sign-in",
    )
    proxy_openbis_user: str | None = Field(
        default=None, description="the openBIS administrator who opens sessions for these users"
    )
    proxy_openbis_password: SecretStr | None = Field(
        default=None, description="the password of that openBIS administrator"
    )
    proxy_omero_user: str | None = Field(
        default=None, description="the OMERO administrator who opens sessions for these users"
    )
    proxy_omero_password: SecretStr | None = Field(
        default=None, description="the password of that OMERO administrator"
    )

    cors_origins: Names = Field(
        default=(), description="origins whose pages may call the API, with commas; none by default"
    )
    trusted_documents: Path | None = Field(
        default=None,
        description="a JSON file of documents by their SHA-256, or a folder of .graphql files",
    )
    trusted_documents_only: bool = Field(default=False, description="run no other documents")
    persisted_queries: bool = Field(
        default=True, description="remember documents that clients name by their SHA-256 (APQ)"
    )
    compression: bool = Field(default=True, description="compress answers (zstd, br, gzip)")
    metrics: bool = Field(default=True, description="serve /metrics for Prometheus")
    tracing: bool = Field(default=False, description="make OpenTelemetry spans (omnibis[otel])")
    openbis_required: bool = Field(
        default=False, description="/readyz says no while openBIS is down"
    )
    omero_required: bool = Field(default=False, description="/readyz says no while OMERO is down")
    explorer: bool = Field(default=False, description="serve the explorer at /")
    introspection: bool = Field(default=False, description="answer __schema and __type")
    suggestions: bool = Field(default=False, description='add "Did you mean …?" to errors')
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="what is logged: debug, info, warning or error",
    )
    drain_seconds: float = Field(
        default=20.0,
        ge=0,
        le=600,
        description="seconds in which a stopping server finishes its requests, 2 at least",
    )
    limits: Limits = Field(default=Limits(), description="see the table of limits")

    @field_validator("import_command", mode="before")
    @classmethod
    def _command_is_a_list(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            read = json.loads(value)
        except ValueError:
            read = None
        if not isinstance(read, list) or not all(isinstance(each, str) for each in read):
            raise ValueError('must be a JSON list of texts, such as ["omero", "import", …]')
        return tuple(read)

    @field_validator("import_command")
    @classmethod
    def _command_is_whole(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (wrong := wrong_in(value)) is not None:
            raise ValueError(wrong)
        return value

    @field_validator("proxy_peers", "cors_origins", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part for part in (piece.strip() for piece in value.split(",")) if part)
        return value

    @field_validator("proxy_peers")
    @classmethod
    def _peers_are_networks(cls, value: Names) -> Names:
        for peer in value:
            try:
                ipaddress.ip_network(peer)
            except ValueError:
                raise ValueError(f"{peer} is no address and no network") from None
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_exact(cls, value: Names) -> Names:
        for origin in value:
            if not re.fullmatch(r"https?://[^\s/?#@*]+", origin):
                raise ValueError(f"{origin} is no origin, such as https://lab.example.org; no *")
        return value

    @model_validator(mode="after")
    def _proxies_are_whole(self) -> Self:
        if self.proxy_user_header is None:
            return self
        if not self.proxy_peers:
            raise ValueError("OMNIBIS_PROXY_USER_HEADER needs OMNIBIS_PROXY_PEERS")
        for system in ("openbis", "omero"):
            pair = [getattr(self, f"proxy_{system}_{part}") for part in ("user", "password")]
            if (pair[0] is None) != (pair[1] is None):
                name = f"OMNIBIS_PROXY_{system.upper()}"
                raise ValueError(f"{name}_USER and {name}_PASSWORD go together")
        if self.proxy_openbis_user is None and self.proxy_omero_user is None:
            raise ValueError("OMNIBIS_PROXY_USER_HEADER needs an administrator of one system")
        return self

    @model_validator(mode="after")
    def _only_trusted_documents_are_there(self) -> Self:
        if self.trusted_documents_only and self.trusted_documents is None:
            raise ValueError("OMNIBIS_TRUSTED_DOCUMENTS_ONLY needs OMNIBIS_TRUSTED_DOCUMENTS")
        return self

    @field_validator("token_key", "token_key_previous")
    @classmethod
    def _key_is_whole(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(decode_key(value)) != KEY_BYTES:
            raise ValueError(f"must be {KEY_BYTES} bytes in base64")
        return value

    @field_validator("database_url", "workflows_url")
    @classmethod
    def _database_is_known(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith(
            ("sqlite://", "postgresql://")
        ):
            raise ValueError("must start with sqlite:// or postgresql://")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments only: `load_settings` reads the environment, so that it can be given."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def decode_key(key: SecretStr) -> bytes:
    """The bytes of a base64 key, in either alphabet, padded or not; empty when it is none."""
    text = key.get_secret_value().strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def variables() -> dict[str, tuple[str, ...]]:
    """Every environment variable with the path of the field that it sets."""
    table: dict[str, tuple[str, ...]] = {}
    for name in Settings.model_fields:
        if name == "limits":
            for limit in Limits.model_fields:
                table[f"{PREFIX}LIMITS_{limit.upper()}"] = (name, limit)
            continue
        table[PREFIX + name.upper()] = (name,)
        if name in SECRETS:
            table[f"{PREFIX}{name.upper()}_FILE"] = (name,)
    return table


def load_settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Read the settings from the environment; `given` ones come before it.

    Args:
        environment: taken instead of the process's own, for tests.
        given: settings by field name, as the command line gives them.

    Raises:
        SettingsError: a variable is unknown, set twice, or its value is not allowed.
    """
    environment = os.environ if environment is None else environment
    known = variables()
    values: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable.startswith(TEST_PREFIX):
            continue
        if variable in COMMANDS:
            continue
        path = known.get(variable)
        if path is None:
            raise SettingsError(_unknown(variable, known))
        target, name = (limits, path[1]) if len(path) > 1 else (values, path[0])
        if name in target:
            raise SettingsError(f"{variable.removesuffix('_FILE')} and {variable} are both set.")
        text = environment[variable]
        # `…_CA_FILE` is the name of a file too, but its setting is that name.
        is_secret = variable == f"{PREFIX}{name.upper()}_FILE"
        target[name] = _from_file(variable, text) if is_secret else text
    if limits:
        values["limits"] = limits
    try:
        return Settings(**{**values, **given})
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None  # its text would repeat the values


def _unknown(variable: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(variable, known, n=1)
    advice = f" Did you mean {close[0]}?" if close else ""
    return f"{variable} is not a setting of omnibis.{advice}"


def _from_file(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError, ValueError):
        raise SettingsError(f"{variable} names a file that cannot be read: {path}") from None


def _explain(error: ValidationError) -> str:
    """One line for all faults: variable, what is wrong, what it is for."""
    lines = []
    for fault in error.errors(include_url=False, include_context=False, include_input=True):
        path = tuple(str(part) for part in fault["loc"])
        if not path:  # several settings together
            lines.append(_lowered(fault["msg"]) + ".")
            continue
        variable = PREFIX + "_".join(path).upper()
        model = Limits if len(path) > 1 else Settings
        field = model.model_fields.get(path[-1])
        shown = "" if path[0] in SECRETS else f" (is {fault['input']!r})"
        meaning = f": {field.description}" if field else ""
        lines.append(f"{variable}{meaning}; {_lowered(fault['msg'])}{shown}")
    return " | ".join(lines)


def _lowered(message: str) -> str:
    message = message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
