"""The methods of the v3 application server interface.

`Api.call` takes a method name and positional parameters as they came over the wire, and returns a
result whose beans are not numbered yet. Sessions and rights are checked here once per call, and
each call that writes is one transaction: kept in the state file if there is one, or undone.
Transport, envelope and faults are in `server.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.errors import UserFailure, invalid_parameters, unknown_method
from backends.demo.openbis.execution import Execution
from backends.demo.openbis.executions import Executions
from backends.demo.openbis.kinds import NAMES, Kind
from backends.demo.openbis.modifications import Modifications
from backends.demo.openbis.numbering import Numbering
from backends.demo.openbis.operations import Reading
from backends.demo.openbis.permissions import rights_of
from backends.demo.openbis.references import Bean, resolve
from backends.demo.openbis.rights import USER, Rights
from backends.demo.openbis.rows import Person
from backends.demo.openbis.sessions import Session, Sessions
from backends.demo.openbis.state import StateFile
from backends.demo.openbis.writing.tokens import VALIDITY_SECONDS, WARNING_SECONDS
from backends.demo.openbis.writing.writers import TRASHED, WRITERS

Method = Callable[..., Any]

_log = logging.getLogger(__name__)

_SYNCHRONOUS = "as.dto.operation.SynchronousOperationExecutionOptions"
_ASYNCHRONOUS = "as.dto.operation.AsynchronousOperationExecutionOptions"
_RESULTS_TYPE = "as.dto.operation.SynchronousOperationExecutionResults"
_CODED = {"SAMPLE": Kind.SAMPLE, "EXPERIMENT": Kind.EXPERIMENT, "DATA_SET": Kind.DATA_SET}


class Api:
    """The interface over one catalog."""

    def __init__(
        self,
        catalog: Catalog,
        sessions: Sessions,
        numbering: Numbering,
        state: StateFile | None = None,
    ) -> None:
        self.catalog = catalog
        self.sessions = sessions
        self.numbering = numbering
        self._state = state
        self._executions = Executions(numbering)
        self._modifications = Modifications(numbering.now())
        self._methods: dict[str, tuple[str, Method]] = {
            "login": ("text text", self._login),
            "loginAs": ("text text text", self._login_as),
            "loginAsAnonymousUser": ("", lambda: None),
            "logout": ("text", sessions.close),
            "isSessionActive": ("text", lambda token: sessions.active(token) is not None),
            "getSessionInformation": ("text", self._session_information),
            "getServerInformation": ("text", self._server_information),
            "getServerPublicInformation": ("", _public_information),
            "getRights": ("text list bean", self._get_rights),
            "createPermIdStrings": ("text number", self._create_perm_ids),
            "createCodes": ("text text text number", self._create_codes),
            "executeOperations": ("text list bean", self._execute),
            "getOperationExecutions": ("text list bean", self._get_executions),
            "searchObjectKindModifications": ("text bean bean", self._search_modifications),
            "confirmDeletions": ("text list", self._writer("confirm")),
            "revertDeletions": ("text list", self._writer("revert")),
        }
        for kind, naming in NAMES.items():
            self._methods[f"search{naming.plural}"] = ("text bean bean", self._searcher(kind))
            if kind is not Kind.DATA_STORE:
                self._methods[f"get{naming.plural}"] = ("text list bean", self._getter(kind))
        for kind, writer in WRITERS.items():
            plural = NAMES[kind].plural
            if writer.create is not None:
                self._methods[f"create{plural}"] = ("text list", self._writer("create", kind))
            if writer.update is not None:
                self._methods[f"update{plural}"] = ("text list", self._updater(kind))
            if writer.delete is not None or kind in TRASHED:
                self._methods[f"delete{plural}"] = ("text list bean", self._writer("delete", kind))

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

    def close(self) -> None:
        """Close the state file, if there is one; nothing is called afterwards."""
        if self._state is not None:
            self._state.close()

    def reading(self, token: str | None) -> Reading:
        """What the person behind a token may read, in one response."""
        rights = self.rights(self.sessions.require(token))
        rights.require_any_role()
        return Reading(self.catalog, rights)

    def rights(self, session: Session) -> Rights:
        """The rights of the person whose session it is."""
        return Rights(self.catalog, self.catalog.persons.rows[session.user])

    def transaction(self, token: str | None, function: Callable[[Execution], Any]) -> Any:
        """Let a function read and write; all of its changes hold, or none."""
        rights = self.rights(self.sessions.require(token))
        rights.require_any_role()
        by_token = self.sessions.personal(token) is not None
        self.catalog.begin()
        try:
            execution = Execution(self.catalog, rights, self.numbering, by_token=by_token)
            result = function(execution)
            changes = self.catalog.changes()
            if self._state is not None and changes:
                self._state.save(changes, self.numbering.to_json())
        except BaseException:
            self.catalog.rollback()
            raise
        self.catalog.commit()
        self._modifications.stamp(execution.work.stamps, execution.work.now)
        return result

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
                "homeGroupCode": self.catalog.persons.rows[session.user].space,
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
            "personal-access-tokens-enabled": "true",
            "personal-access-tokens-max-validity-period": str(VALIDITY_SECONDS),
            "personal-access-tokens-validity-warning-period": str(WARNING_SECONDS),
            "project-samples-enabled": str(self.catalog.project_samples).lower(),
        }

    def _create_perm_ids(self, token: str | None, count: int) -> list[str]:
        self._require_writer(token)
        return [self.numbering.perm_id() for _ in range(_positive(count))]

    def _create_codes(
        self, token: str | None, prefix: str | None, entity_kind: str | None, count: int
    ) -> list[str]:
        self._require_writer(token)
        if entity_kind is None:
            raise UserFailure.in_operation("Entity kind cannot be null.")
        kind = _CODED[entity_kind]
        table = self.catalog.table(kind)
        return [
            self.numbering.code(kind, prefix or "", lambda code: bool(table.by("code", code)))
            for _ in range(_positive(count))
        ]

    def _require_writer(self, token: str | None) -> None:
        rights = self.rights(self.sessions.require(token))
        rights.require_any_role()
        if not rights.has_somewhere(USER):
            raise UserFailure.in_operation(
                'Authorization failure: ERROR: "None of method roles '
                f"'[PROJECT_USER, SPACE_ETL_SERVER]' could be found in roles of user "
                f"'{rights.person.user_id}'.\"."
            )

    def _get_rights(self, token: str | None, ids: list[Any], options: Any) -> dict[str, Bean]:
        rights = self.rights(self.sessions.require(token))
        rights.require_any_role()
        if options is None:
            raise UserFailure.in_operation("Fetch options cannot be null.")
        return rights_of(self.catalog, rights, ids or [])

    def _searcher(self, kind: Kind) -> Method:
        def search(token: str | None, criteria: Any, options: Any) -> Bean:
            return self.reading(token).search(kind, criteria, options)

        return search

    def _getter(self, kind: Kind) -> Method:
        def get(token: str | None, ids: list[Any], options: Any) -> dict[str, Bean]:
            return self.reading(token).get(kind, ids, options)

        return get

    def _writer(self, verb: str, kind: Kind | None = None) -> Method:
        def write(token: str | None, *parameters: Any) -> Any:
            given = parameters if kind is None else (kind, *parameters)
            return self.transaction(token, lambda execution: getattr(execution, verb)(*given))

        return write

    def _updater(self, kind: Kind) -> Method:
        def update(token: str | None, updates: list[Any]) -> None:
            self.transaction(token, lambda execution: execution.update(kind, updates))

        return update

    def _execute(self, token: str | None, operations: list[Any], options: Any) -> Bean:
        if operations is None:
            raise UserFailure("Operations cannot be null.")
        if options is None:
            raise UserFailure("Options cannot be null.")
        options_type = options.get("@type", _SYNCHRONOUS)
        in_order = bool(options.get("executeInOrder"))

        def execute() -> list[Bean]:
            results: list[Bean] = self.transaction(
                token, lambda execution: execution.operations(operations, in_order=in_order)
            )
            return results

        if options_type == _ASYNCHRONOUS:
            session = self.sessions.require(token)
            return self._executions.run(session.user, options, execute)
        if options_type != _SYNCHRONOUS:
            raise invalid_parameters()
        return Bean({"@type": _RESULTS_TYPE, "@id": None, "results": execute()})

    def _get_executions(self, token: str | None, ids: list[Any], options: Any) -> dict[str, Bean]:
        session = self.sessions.require(token)
        if options is None:
            raise UserFailure.in_operation("Fetch options cannot be null.")
        return self._executions.get(session.user, ids, options)

    def _search_modifications(self, token: str | None, criteria: Any, options: Any) -> Bean:
        self.reading(token)  # any role will do
        return self._modifications.search(criteria, options)


def _public_information() -> dict[str, str]:
    return {
        "authentication-service": "file-authentication-service",
        "authentication-service.switch-aai.label": "",
        "authentication-service.switch-aai.link": "",
        "openbis.support.email": "",
    }


def _positive(count: int) -> int:
    if count <= 0:
        raise UserFailure.in_operation("Count must be > 0.")
    return count


def _converted(kind: str, value: Any) -> Any:
    """Convert one parameter as Jackson would; references are resolved within it."""
    if kind == "text":
        if value is not None and not isinstance(value, str):
            raise invalid_parameters()
        return value
    if kind == "number":
        if not isinstance(value, int) or isinstance(value, bool):
            raise invalid_parameters()
        return value
    if kind == "list" and isinstance(value, dict):
        value = [value]  # a bare object is accepted where a list is expected
    if value is not None and not isinstance(value, list if kind == "list" else dict):
        raise invalid_parameters()
    return resolve(value)
