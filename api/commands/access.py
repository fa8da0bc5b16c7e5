"""How a command opens the systems as a user, works with their rights, and ends what it opened.

A command group writes its commands as functions that take an `Access`, decorated with
`with_access`, which adds the options that all of them share. `Access.run` reads the settings as
`omnibis serve` does (or builds the demonstration), signs the user in to both systems, hands the
work a `RequestContext` as a request of that user has it, and signs out. An error of our trees ends
the command with its sentence and exit code 2.

    @app.command()
    @with_access
    def count(access: Access, project: str, as_json: AsJson = False) -> None:
        number = access.run(lambda context: resolvers.somewhere.count(context, project))

A group's module is imported for every `--help`, so it imports nothing heavy at its top, as nothing
here does: resolvers and backends are imported by the function that needs them.

Who embeds the command line, as tests do, can give other parts by Click's `obj`: an `OpenParts`.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, TypeVar

import typer
from pydantic import SecretStr

from api.commands.output import remark, stop
from backends.errors import BackendError, Source
from link_store.errors import LinkStoreError

if TYPE_CHECKING:
    from api.app import Parts
    from api.settings import Settings
    from resolvers.context import RequestContext, Services, Viewer

T = TypeVar("T")
OpenParts: TypeAlias = "Callable[[Settings], Parts]"

PASSWORD: Final = "OMNIBIS_PASSWORD"  # noqa: S105 - the name of a variable
# As `omnibis doctor` has them: a system's own password where they differ, or a session.
OWN_PASSWORDS: Final = {Source.OPENBIS: "OPENBIS_PASSWORD", Source.OMERO: "OMERO_PASSWORD"}
SESSIONS: Final = {Source.OPENBIS: "OPENBIS_TOKEN", Source.OMERO: "OMERO_SESSION"}
STANDARD_INPUT: Final = Path("-")

_OPTIONS: Final[tuple[tuple[str, Any, Any], ...]] = (
    ("ctx", typer.Context, inspect.Parameter.empty),
    (
        "user",
        Annotated[
            str | None,
            typer.Option(
                help="Sign in to both systems as this user; else the sessions in OPENBIS_TOKEN "
                "and OMERO_SESSION are used."
            ),
        ],
        None,
    ),
    (
        "password_file",
        Annotated[
            Path | None,
            typer.Option(
                help="A file with the password, - for standard input; else OMNIBIS_PASSWORD, "
                "OPENBIS_PASSWORD and OMERO_PASSWORD, or a prompt."
            ),
        ],
        None,
    ),
    (
        "demo",
        Annotated[
            bool,
            typer.Option(
                "--demo",
                help="Try it on the embedded demonstration, as its steward unless --user says "
                "otherwise; nothing stays behind.",
            ),
        ],
        False,
    ),
)


@dataclass(frozen=True, slots=True)
class Access:
    """How the systems are to be opened; commands call `run` once."""

    user: str | None = None
    password_file: Path | None = None
    demo: bool = False
    open_parts: OpenParts | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def run(self, work: Callable[[RequestContext], Awaitable[T]]) -> T:
        """Run `work` as the user, and return what it returns.

        Raises:
            typer.Exit: the settings, the sign-in or the work failed in a way that we have words
                for; the words are on standard error.
        """
        from api.settings import SettingsError
        from resolvers.errors import ResolverError

        try:
            return asyncio.run(self._run(work))
        except SettingsError as error:
            stop(str(error))
        except (BackendError, LinkStoreError, ResolverError) as error:
            stop(error.message)

    async def _run(self, work: Callable[[RequestContext], Awaitable[T]]) -> T:
        parts = self._parts()
        try:
            await parts.start()
            opened, viewer = await self._viewer(parts.services)
            context = _context(parts.services, viewer)
            try:
                return await work(context)
            finally:
                if opened:
                    await _leave(context)
        finally:
            await parts.stop()

    def _parts(self) -> Parts:
        from api.settings import load_settings

        settings = load_settings(self.environment)
        if self.open_parts is not None:
            return self.open_parts(settings)
        if self.demo:
            from api.demonstration import demonstration

            return demonstration(settings).parts
        from api.production import wire_parts

        return wire_parts(settings)

    async def _viewer(self, services: Services) -> tuple[bool, Viewer]:
        """Who acts, and whether the sessions were opened here and so end here."""
        from resolvers import sessions
        from resolvers.context import Viewer

        user, password = self.user, self._password()
        if self.demo:
            from backends.demo.accounts import DEMO_PASSWORD

            user, password = user or "steward", password or SecretStr(DEMO_PASSWORD)
        if user is None:
            given = {source: self.environment.get(name) for source, name in SESSIONS.items()}
            if not any(given.values()):
                stop(
                    "say who you are: give --user, or the sessions in OPENBIS_TOKEN and "
                    "OMERO_SESSION."
                )
            openbis, omero = (SecretStr(one) if one else None for one in given.values())
            return False, Viewer("command", None, openbis, omero)
        own = {source: self.environment.get(name) for source, name in OWN_PASSWORDS.items()}
        if password is None and not all(own.values()):
            password = _ask(user)
        attempts = {
            source: sessions.Attempt(user, SecretStr(text) if text else password or SecretStr(""))
            for source, text in own.items()
        }
        context = _context(services, Viewer("nobody"))
        opened = await sessions.login(context, attempts[Source.OPENBIS], attempts[Source.OMERO])
        for source, failure in opened.failures.items():
            remark(f"going on without {_TITLES[source]}: {failure.message}")
        return True, Viewer(f"command-{user}", user, opened.openbis, opened.omero)

    def _password(self) -> SecretStr | None:
        if self.password_file is None:
            text = self.environment.get(PASSWORD)
            return SecretStr(text) if text else None
        try:
            text = (
                sys.stdin.readline()
                if self.password_file == STANDARD_INPUT
                else self.password_file.read_text(encoding="utf-8")
            )
        except (OSError, UnicodeDecodeError):
            stop(f"the password file cannot be read: {self.password_file}")
        return SecretStr(text.rstrip("\r\n"))


def with_access(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of `Access` to a command, which gets them as its argument `access`."""
    signature = inspect.signature(command, eval_str=True)

    @functools.wraps(command)
    def run(ctx: typer.Context, **given: Any) -> None:
        chosen = {name: given.pop(name) for name, _, _ in _OPTIONS if name != "ctx"}
        open_parts = ctx.obj if callable(ctx.obj) else None
        command(access=Access(**chosen, open_parts=open_parts), **given)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        one.replace(kind=keyword) for one in signature.parameters.values() if one.name != "access"
    ]
    parameters += [
        inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, annotation, default in _OPTIONS
    ]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined] # what typer reads
    return run


def _context(services: Services, viewer: Viewer) -> RequestContext:
    """A context as a request has it, without a deadline: whoever waits can press Ctrl+C."""
    from backends.lane import Call
    from resolvers.context import RequestContext
    from resolvers.loaders import Loaders

    context = RequestContext(viewer, services, "command-line", Call())
    context.loaders = Loaders(context)
    return context


async def _leave(context: RequestContext) -> None:
    """Sign out; a session that cannot be ended now ends by itself."""
    from resolvers import sessions

    try:
        await sessions.logout(context)
    except BackendError:
        return


def _ask(user: str) -> SecretStr:
    if not sys.stdin.isatty():
        stop(f"the password of {user} is missing: set {PASSWORD}, or give --password-file.")
    return SecretStr(typer.prompt(f"Password of {user}", hide_input=True, err=True))


_TITLES: Final = {Source.OPENBIS: "openBIS", Source.OMERO: "OMERO"}
