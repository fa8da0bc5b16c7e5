"""`omnibis links link`, `unlink` and `move`: what a person decides about one link."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.commands.access import Access, with_access
from api.commands.output import (
    AsJson,
    Exit,
    stop,
    tell_json,
    tell_table,
)

if TYPE_CHECKING:
    from link_store.records import LinkRecord
    from resolvers.context import RequestContext
    from resolvers.links import Outcome
from api.commands.links.group import (
    DryRun,
    ImageDataset,
    ImageProject,
    Link,
    Project,
    Revision,
    Sample,
    app,
    remark_documents,
    tell_remarks,
)


@app.command()
@with_access
def link(
    access: Access,
    sample: Sample = None,
    image_dataset: ImageDataset = None,
    project: Project = None,
    image_project: ImageProject = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Link a sample with a dataset, or a project with an image project."""
    from link_store.records import LinkKind
    from resolvers import links
    from resolvers.links import ids

    async def work(context: RequestContext) -> Outcome:
        match (sample, image_dataset, project, image_project):
            case (str(), str(), None, None):
                kind, here, there = LinkKind.SAMPLE, (sample, "Sample"), "ImageDataset"
            case (None, None, str(), str()):
                kind, here, there = LinkKind.PROJECT, (project, "Project"), "ImageProject"
            case _:
                stop("give --sample with --image-dataset, or --project with --image-project.")
        omero = image_dataset or image_project or ""
        pair = links.Pair(ids.openbis_id(*here), ids.omero_id(omero, there))
        return await links.link(context, kind, pair, dry_run=dry_run)

    _tell_outcome(access.run(work), "linked", dry_run=dry_run, as_json=as_json)


@app.command()
@with_access
def unlink(
    access: Access,
    sample: Sample = None,
    project: Project = None,
    link: Link = None,
    with_samples: Annotated[
        bool, typer.Option("--with-samples", help="End the links of the project's samples, too.")
    ] = False,
    revision: Revision = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """End the link of a sample or of a project; its history stays."""
    from resolvers import links

    async def work(context: RequestContext) -> Outcome:
        old = await _named(context, sample, project, link)
        return await links.unlink(
            context,
            old.ref,
            expected_revision=old.revision if revision is None else revision,
            with_samples=with_samples,
            dry_run=dry_run,
        )

    _tell_outcome(access.run(work), "unlinked", dry_run=dry_run, as_json=as_json)


@app.command()
@with_access
def move(
    access: Access,
    sample: Sample = None,
    project: Project = None,
    link: Link = None,
    to_sample: Annotated[str | None, typer.Option(help="The sample it shall have.")] = None,
    to_image_dataset: Annotated[str | None, typer.Option(help="The dataset it shall have.")] = None,
    to_project: Annotated[str | None, typer.Option(help="The project it shall have.")] = None,
    to_image_project: Annotated[
        str | None, typer.Option(help="The image project it shall have.")
    ] = None,
    revision: Revision = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give a link another end, or put a sample's link below the project it is in by now."""
    from link_store.records import LinkKind
    from resolvers import links
    from resolvers.links import ids

    async def work(context: RequestContext) -> Outcome:
        old = await _named(context, sample, project, link)
        of_sample = old.ref.kind is LinkKind.SAMPLE
        here, there = (to_sample, to_image_dataset) if of_sample else (to_project, to_image_project)
        if (to_project or to_image_project) if of_sample else (to_sample or to_image_dataset):
            options = "--to-sample or --to-image-dataset" if of_sample else "--to-image-project"
            stop(f"this is the link of a {old.ref.kind.lower()}: give {options}.")
        names = ("Sample", "ImageDataset") if of_sample else ("Project", "ImageProject")
        return await links.move(
            context,
            old.ref,
            expected_revision=old.revision if revision is None else revision,
            openbis=None if here is None else ids.openbis_id(here, names[0]),
            omero_id=None if there is None else ids.omero_id(there, names[1]),
            dry_run=dry_run,
        )

    _tell_outcome(access.run(work), "moved", dry_run=dry_run, as_json=as_json)


async def _named(
    context: RequestContext, sample: str | None, project: str | None, link: str | None
) -> LinkRecord:
    """The one link that the options name."""
    from link_store.records import LinkKind
    from resolvers import links
    from resolvers.links import ids

    if [sample, project, link].count(None) != 2:  # noqa: PLR2004 - all but one
        stop("say which link: give one of --sample, --project and --link.")
    if link is not None:
        return await links.get(context, ids.link_ref(link))
    if sample is not None:
        id_ = ids.openbis_id(sample, "Sample")
        return await links.of_openbis(context, LinkKind.SAMPLE, id_)
    return await links.of_openbis(
        context, LinkKind.PROJECT, ids.openbis_id(project or "", "Project")
    )


def _tell_outcome(outcome: Outcome, done: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        link = outcome.link
        tell_json(
            {
                "link": None if link is None else link_document(link),
                "changed": outcome.changed,
                "dryRun": dry_run,
                "remarks": remark_documents(outcome.remarks),
            }
        )
    else:
        tell_remarks(outcome.remarks)
        if outcome.changed:
            typer.echo(f"It would be {done}." if dry_run else f"It is {done}.")
        elif not outcome.remarks:
            typer.echo("It is so already.")
        if outcome.link is not None and not dry_run:
            one = link_document(outcome.link)
            tell_table(list(one), [list(one.values())])
    if outcome.remarks:
        raise typer.Exit(Exit.FINDINGS)


def link_document(link: LinkRecord) -> dict[str, Any]:
    """A link as commands tell it."""
    from resolvers.paging import encode_id

    kind = link.ref.kind
    return {
        "id": encode_id(f"{kind.capitalize()}Link", link.id),
        "kind": kind.value,
        "openbisPermId": link.openbis_perm_id,
        "omeroId": link.omero_id,
        "state": link.state.value,
        "evidence": link.evidence,
        "revision": link.revision,
        "createdBy": link.author,
    }
