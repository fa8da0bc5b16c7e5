"""The `omnibis` command: each subcommand reads its settings, builds what it needs, and says it.

What goes wrong for a reason that the caller can mend is told in one sentence on standard error,
with exit code 2, and without a stack trace. The heavy parts of the house are imported by the
command that needs them, so that `--help` is quick.
"""

from __future__ import annotations

import os
import secrets
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from api.commands import cohort, links, register

_WIRE: Final = """

openBIS is reached over HTTP at {}, and pybis can log in there, too.
{}"""
_ICE: Final = "OMERO is reached over Ice at ssl://127.0.0.1:{}, and omero-py can log in there, too."
_NO_ICE: Final = """\
OMERO is reached within this process, because omero-py is not installed here: run
`python -m backends.omero.ice_wheel`, once, and then `pip install 'omnibis[omero]'`."""

SCHEMA: Final = Path(__file__).parent / "schema.graphql"

app = typer.Typer(
    name="omnibis",
    help="One GraphQL endpoint over openBIS and OMERO.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# One line for each group of commands, by name:
app.add_typer(links.app, name="links")
app.add_typer(cohort.app, name="cohort")
app.add_typer(register.app, name="register")


def main() -> None:
    """Run the command line."""
    app()


def _stop(message: str) -> NoReturn:
    typer.echo(f"omnibis: {message}", err=True)
    raise typer.Exit(2)


def _version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        typer.echo(f"omnibis {version('omnibis')}")
    except PackageNotFoundError:
        typer.echo("omnibis, run from its folder without being installed")
    raise typer.Exit


@app.callback()
def _common(
    _show: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    port: Annotated[
        int | None,
        typer.Option(help="The port to listen on, 0 for a free one; else OMNIBIS_PORT, or 8000."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(help="The address to listen on; else OMNIBIS_HOST, or 127.0.0.1."),
    ] = None,
    seed: Annotated[int, typer.Option(help="What the studies' numbers follow from.")] = 1,
    sheet: Annotated[
        Path | None, typer.Option(help="An annotation table (CSV or TSV) to load as a study.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="How the sheet is to be read; see examples/.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Start with openbis or omero switched off.")
    ] = None,
    wire: Annotated[
        bool,
        typer.Option(
            "--wire",
            help="Serve the embedded openBIS and OMERO on ports, and reach them over HTTP and Ice.",
        ),
    ] = False,
) -> None:
    """Run omnibis over an embedded openBIS and an embedded OMERO, with three studies."""
    if (sheet is None) != (mapping is None):
        _stop("give --sheet and --mapping together; examples/ has a mapping to start from.")
    if unknown := set(without or ()) - {"openbis", "omero"}:
        _stop(f"--without takes openbis or omero, not {min(unknown)}.")
    settings = _settings(
        explorer=True,
        introspection=True,
        suggestions=True,
        **{name: value for name, value in (("host", host), ("port", port)) if value is not None},
    )
    from api import demonstration, server  # noqa: PLC0415 - see the module's docstring
    from api.app import create_app  # noqa: PLC0415
    from api.auth import TokenBox  # noqa: PLC0415
    from api.settings import SettingsError  # noqa: PLC0415
    from backends.demo.openbis.serving import ServingError  # noqa: PLC0415
    from backends.demo.sheet.loader import SheetError  # noqa: PLC0415

    study = demonstration.Sheet(sheet, mapping) if sheet and mapping else None
    try:
        listener = server.take_port(settings.host, settings.port)
        built = demonstration.demonstration(
            settings, seed=seed, sheet=study, without=tuple(without or ()), wire=wire
        )
        application = create_app(
            settings, built.parts, TokenBox((secrets.token_bytes(32),), hours=settings.token_hours)
        )
    except (server.ServerError, ServingError, SheetError, SettingsError) as error:
        _stop(str(error))
    _serve(application, listener, settings, lambda: _welcome(server.address_of(listener), built))


@app.command()
def serve(
    embedded_omero: Annotated[
        bool,
        typer.Option("--embedded-omero", help="Put the demonstration's OMERO beside the openBIS."),
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, max=64, help="Processes on the port; about one per core.")
    ] = 1,
) -> None:
    """Run omnibis over the openBIS named in the settings."""
    from api import server  # noqa: PLC0415 - see the module's docstring
    from api.app import create_app  # noqa: PLC0415
    from api.auth import token_box  # noqa: PLC0415
    from api.production import wire_parts  # noqa: PLC0415
    from api.settings import SettingsError  # noqa: PLC0415
    from link_store.errors import LinkStoreError  # noqa: PLC0415

    settings = _settings()
    if workers > 1 and embedded_omero:
        _stop("--embedded-omero is for one process: each worker would have an OMERO of its own.")
    try:
        tokens = token_box(settings)
    except SettingsError as error:
        _stop(str(error))

    def build() -> Any:
        try:
            parts = wire_parts(settings, embedded_omero=embedded_omero)
            return create_app(settings, parts, tokens)
        except SettingsError as error:
            _stop(str(error))
        except LinkStoreError as error:
            _stop(error.message)

    # One process opens nothing before it knows what to serve; many share what is open before.
    application = build() if workers == 1 else None
    try:
        listener = server.take_port(settings.host, settings.port)
    except server.ServerError as error:
        _stop(str(error))

    def work() -> int:
        ready = f"omnibis is ready at {server.address_of(listener)}/graphql"
        try:
            _serve(
                application or build(),
                listener,
                settings,
                lambda: typer.echo(ready),
                shared=workers > 1,
            )
        except typer.Exit as stopped:
            return stopped.exit_code
        return 0

    if workers > 1:
        from api.workers import Workers  # noqa: PLC0415 - see the module's docstring

        raise typer.Exit(Workers(workers, work, listener.close).run())
    raise typer.Exit(work())


@app.command()
def doctor(
    url: Annotated[
        str | None, typer.Option(help="Where openBIS is; else OMNIBIS_OPENBIS_URL.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(help="Log in as this user; OPENBIS_PASSWORD, or a prompt, has the password."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Tell the findings as JSON.")] = False,
) -> None:
    """Look at openBIS, and at OMERO if one is set, from here, and say what to change.

    Without --user, the token in OPENBIS_TOKEN is used: a session's or a personal access token; and
    the session in OMERO_SESSION. OMERO_PASSWORD has the user's password in OMERO, if it is another.
    The command ends with 0 when nothing is wrong, 1 when something is, and 2 when it cannot look.
    """
    from api import doctor as office  # noqa: PLC0415 - see the module's docstring
    from api.settings import SettingsError  # noqa: PLC0415

    settings = _settings(**({} if url is None else {"openbis_url": url}))
    credentials = office.credentials(
        user,
        os.environ,
        lambda: typer.prompt("Password", hide_input=True, err=True),
    )
    try:
        findings = office.look(
            settings, credentials, office.omero_credentials(credentials, os.environ)
        )
    except SettingsError as error:
        _stop(str(error))
    typer.echo(office.as_json(findings) if as_json else office.as_text(findings))
    if office.is_bad(findings):
        raise typer.Exit(1)


@app.command()
def migrate(
    url: Annotated[
        str | None, typer.Option(help="The link store; else OMNIBIS_DATABASE_URL.")
    ] = None,
) -> None:
    """Bring the link store's tables to this version."""
    from link_store.database import LinkDatabase  # noqa: PLC0415
    from link_store.errors import LinkStoreError  # noqa: PLC0415

    settings = _settings(**({} if url is None else {"database_url": url}))
    try:
        LinkDatabase(settings.database_url.get_secret_value()).migrate_now()
    except LinkStoreError as error:
        _stop(error.message)
    typer.echo("The link store is at this version.")


@app.command()
def schema(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the file is out of date.")
    ] = False,
    file: Annotated[Path, typer.Option(help="Where the schema is written.")] = SCHEMA,
) -> None:
    """Write the schema, as clients see it, from the code."""
    from api.schema import sdl  # noqa: PLC0415

    text = sdl()
    if not check:
        file.write_text(text, encoding="utf-8")
        typer.echo(f"{file} is written.")
    elif not file.is_file() or file.read_text(encoding="utf-8") != text:
        _stop(f"{file} is out of date; run `omnibis schema` and commit what it writes.")
    else:
        typer.echo(f"{file} is up to date.")


@app.command()
def settings() -> None:
    """Print every setting with its default, as a Markdown table."""
    from api.reference import settings_table  # noqa: PLC0415

    typer.echo(settings_table())


def _settings(**given: Any) -> Any:
    from api.settings import SettingsError, load_settings  # noqa: PLC0415

    try:
        return load_settings(**given)
    except SettingsError as error:
        _stop(str(error))


def _serve(
    application: Any, listener: Any, settings: Any, on_started: Any, *, shared: bool = False
) -> None:
    from api import server  # noqa: PLC0415
    from api.observe import configure_logging  # noqa: PLC0415

    configure_logging(settings.log_level)
    server.run(
        application,
        listener,
        drain=application.state.drain,
        drain_seconds=settings.drain_seconds,
        on_started=on_started,
        limits=settings.limits,
        shared=shared,
    )


def _welcome(address: str, built: Any) -> None:
    from api.demonstration import USERS  # noqa: PLC0415
    from api.explorer import is_built  # noqa: PLC0415
    from api.explorer.questions import saved_question  # noqa: PLC0415
    from backends.demo.accounts import DEMO_PASSWORD  # noqa: PLC0415

    explorer = "GraphiQL" if is_built() else "plain; `make explorer` builds GraphiQL"
    width = max(map(len, USERS))
    users = "\n".join(f"  {name:{width}}  {what}" for name, what in USERS.items())
    queries = "\n\n".join(saved_question(name).query.strip() for name in ("project", "images"))
    ice = _ICE.format(built.omero_ports["ssl"]) if built.omero_ports else _NO_ICE
    wire = "" if built.openbis_address is None else _WIRE.format(built.openbis_address, ice)
    typer.echo(
        f"""
omnibis is ready, over an embedded openBIS and an embedded OMERO.{wire}

  explorer  {address}/  ({explorer})
  API       {address}/graphql
  health    {address}/healthz  {address}/readyz
  switch    curl -X PUT -H 'Content-Type: application/json' -d '{{"state": "off"}}' \\
              {address}/demo/backends/omero

Users, password `{DEMO_PASSWORD}` for all:
{users}

Two queries to paste into the explorer:

{queries}

Stop with Ctrl+C.
"""
    )
