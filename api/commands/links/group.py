"""The group `omnibis links`: its options, and how all of its commands tell remarks.

The commands are in `decisions.py`, `upkeep.py` and `files.py`, which add themselves to `app`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.output import (
    document,
    remark,
)

if TYPE_CHECKING:
    from backends.records import ProjectRecord
    from resolvers.context import RequestContext
    from resolvers.links import Remark


app = typer.Typer(help="The links between openBIS and OMERO.", no_args_is_help=True)

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check everything, tell the outcome, write nothing.")
]
Sample = Annotated[str | None, typer.Option(help="The sample's permId or identifier.")]
Project = Annotated[str | None, typer.Option(help="The project's permId or identifier.")]
ImageDataset = Annotated[str | None, typer.Option(help="The dataset's id in OMERO.")]
ImageProject = Annotated[str | None, typer.Option(help="The image project's id in OMERO.")]
Link = Annotated[str | None, typer.Option(help="The link's id, as the API gives it.")]
Revision = Annotated[
    int | None,
    typer.Option(help="The link's revision that you decided on; else the one it has now."),
]
Kinds = Annotated[
    list[str] | None, typer.Option(help="Only findings of this kind; may be given several times.")
]
Scope = Annotated[
    str | None,
    typer.Option(help="Only this project, by identifier or code; else all you see."),
]


@app.callback()
def _group() -> None:
    pass


async def scope_of(context: RequestContext, project: str | None) -> ProjectRecord | None:
    """The project that a command is limited to, if it is."""
    from backends.fetch import Fetch
    from resolvers import catalog

    if project is None:
        return None
    return await catalog.project_by_identifier(context, project, Fetch.of("space"))


def remark_documents(remarks: Sequence[Remark]) -> list[dict[str, Any]]:
    """Remarks as commands tell them."""
    return [document(one) for one in remarks]


def tell_remarks(remarks: Sequence[Remark]) -> None:
    """Say remarks, each on a line, on standard error."""
    for one in remarks:
        remark(f"{one.code}: {one.message}")
