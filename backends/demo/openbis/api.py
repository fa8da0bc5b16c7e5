"""The methods of the v3 application server interface, as far as they read.

`Api.call` takes a method name and positional parameters as they came over the wire, and returns a
result whose beans are not numbered yet. Sessions and rights are checked here, once per call.
Transport, envelope and faults are in `server.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.errors import (
    UserFailure,
    invalid_parameters,
    unknown_method,
)
from backends.demo.openbis.kinds import NAMES, Kind
from backends.demo.openbis.operations import Reading
from backends.demo.openbis.references import Bean, resolve
from backends.demo.openbis.rights import Rights
from backends.demo.openbis.rows import Person
from backends.demo.openbis.sessions import Session, Sessions

Method = Callable[..., Any]

_log = logging.getLogger(__name__)

_OPTIONS_TYPE = "as.dto.operation.SynchronousOperationExecutionOptions"
_RESULTS_TYPE = "as.dto.operation.SynchronousOperationExecutionResults"


class Api:
    """The interface over one catalog."""

    def __init__(self, catalog: Catalog, sessions: Sessions) -> None:
        self.catalog = catalog
        self.sessions = sessions
        self._methods: dict[str, tuple[str, Method]] = {
            "login": ("text text", self._login),
            "loginAs": ("text text text", self._login_as),
            "loginAsAnonymousUser": ("", lambda: None),
            "logout": ("text", sessions.close),
            "isSessionActive": ("text", lambda token: sessions.active(token) is not None),
            "getSessionInformation": ("text", self._session_information),
            "getServerInformation": ("text", self._server_information),
            "getServerPublicInformation": ("", _public_information),
            "executeOperations": ("text list bean", self._execute),
        }
        for kind, naming in NAMES.items():
            self._methods[f"search{naming.plural}"] = ("text bean bean", self._searcher(kind))
            if kind is not Kind.DATA_STORE:
                self._methods[f"get{naming.plural}"] = ("text list bean", self._getter(kind))

    def call(self, method: str, parameters: list[Any]) -> Any:
        """Answer one call."""
        if method not in self._methods:
            raise unknown_method()
        signature, function = self._methods[method]
        kinds = signature.split()
        if len(kinds) != len(parameters):
            raise invalid_parameters()
        try:
            return function(
                *(_converted(kind, value) for kind, value in zip(kinds, parameters, strict=True))
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # A bean with keys of the wrong kind: Jackson would have refused to convert it.
            _log.debug("%s was given parameters that do not convert", method, exc_info=True)
            raise invalid_parameters() from error

    def reading(self, token: str | None) -> Reading:
        """What the person behind a token may read, in one response."""
        rights = self.rights(self.sessions.require(token))
        rights.require_any_role()
        return Reading(self.catalog, rights)

    def rights(self, session: Session) -> Rights:
        """The rights of the person whose session it is."""
        return Rights(self.catalog, self.catalog.persons.rows[session.user])

    def _person(self, user: str | None, password: str | None) -> Person | None:
        person = self.catalog.persons.rows.get(user or "")
        known = person is not None and person.active and person.password == password
        return person if known else None

    def _login(self, user: str | None, password: str | None) -> str | None:
        person = self._person(user, password)
        return None if person is None else self.sessions.open(person.user_id)

    def _login_as(self, user: str | None, password: str | None, other: str | None) -> str | None:
        creator = self._person(user, password)
        person = self.catalog.persons.rows.get(other or "")
        if creator is None or person is None:
            return None
        if not Rights(self.catalog, creator).administers:
            raise UserFailure(f"User '{user}' is not allowed to log in as another user.")
        return self.sessions.open(person.user_id, creator.user_id)

    def _session_information(self, token: str | None) -> Bean | None:
        if self.sessions.active(token) is None:
            return None
        session = self.sessions.require(token)
        reading = Reading(self.catalog, self.rights(session))
        return Bean(
            {
                "@type": "as.dto.session.SessionInformation",
                "@id": None,
                "userName": session.user,
                "homeGroupCode": None,
                "sessionToken": session.token,
                "person": reading.person(session.user),
                "creatorPerson": reading.person(session.creator),
                "personalAccessTokenSession": session.name is not None,
                "personalAccessTokenSessionName": session.name,
            }
        )

    def _server_information(self, token: str | None) -> dict[str, str]:
        self.sessions.require(token)
        return {
            **_public_information(),
            "api-version": "3.6",
            "archiving-configured": "false",
            "create-continuous-sample-codes": "false",
            "enabled-technologies": "",
            "openbis-version": "20.10.7",
            "personal-access-tokens-enabled": "false",
            "project-samples-enabled": str(self.catalog.project_samples).lower(),
        }

    def _searcher(self, kind: Kind) -> Method:
        def search(token: str | None, criteria: Any, options: Any) -> Bean:
            return self.reading(token).search(kind, criteria, options)

        return search

    def _getter(self, kind: Kind) -> Method:
        def get(token: str | None, ids: list[Any], options: Any) -> dict[str, Bean]:
            return self.reading(token).get(kind, ids, options)

        return get

    def _execute(self, token: str | None, operations: list[Any], options: Any) -> Bean:
        reading = self.reading(token)
        if options is None or options.get("@type", _OPTIONS_TYPE) != _OPTIONS_TYPE:
            raise UserFailure("Only synchronous operations are supported.")
        results = [reading.operation(operation) for operation in operations]
        return Bean({"@type": _RESULTS_TYPE, "@id": None, "results": results})


def _public_information() -> dict[str, str]:
    return {
        "authentication-service": "file-authentication-service",
        "authentication-service.switch-aai.label": "",
        "authentication-service.switch-aai.link": "",
        "openbis.support.email": "",
    }


def _converted(kind: str, value: Any) -> Any:
    """Convert one parameter as Jackson would; references are resolved within it."""
    if kind == "text":
        if value is not None and not isinstance(value, str):
            raise invalid_parameters()
        return value
    if kind == "list" and isinstance(value, dict):
        value = [value]  # a bare object is accepted where a list is expected
    if value is not None and not isinstance(value, list if kind == "list" else dict):
        raise invalid_parameters()
    return resolve(value)
