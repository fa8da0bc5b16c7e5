"""`omnibis links`: the links between the systems, from the command line.

Each command opens the systems as a user (`access.py`), calls `resolvers/links`, and tells the
result as a table or as JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from api.commands.access import Access, with_access
from api.commands.output import AsJson, Exit, tell_json, tell_table

if TYPE_CHECKING:
    from resolvers.context import RequestContext
    from resolvers.links import LinkAudit

app = typer.Typer(help="The links between openBIS and OMERO.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    pass


@app.command()
@with_access
def audit(
    access: Access,
    project: Annotated[str, typer.Option(help="The project's identifier or code.")],
    as_json: AsJson = False,
) -> None:
    """Compare both systems with the links of a project; ends with 1 when something is wrong."""
    from backends.fetch import Fetch
    from resolvers import catalog, links

    async def work(context: RequestContext) -> LinkAudit:
        found = await catalog.project_by_identifier(context, project, Fetch())
        return await links.audit(context, found)

    audited = access.run(work)
    if as_json:
        tell_json(audited)
    else:
        tell_table(
            ["kind", "repair", "what"], [(f.kind, f.repair, f.sentence) for f in audited.findings]
        )
    if audited.findings:
        raise typer.Exit(Exit.FINDINGS)
