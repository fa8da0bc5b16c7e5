"""Mutations of links: linking, unlinking, moving."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import strawberry

from api.selection import Info
from api.types.link import Link, ProjectLink, SampleLink
from api.types.link_discovery import DiscoverLinksPayload, RepairLinksPayload
from api.types.source import own
from api.types.user_error import UserError, user_errors
from backends.fetch import Fetch
from link_store.findings import FindingKind
from link_store.records import LinkKind
from resolvers import catalog, links
from resolvers.errors import BadInput
from resolvers.links.ids import link_ref, omero_id, openbis_id
from resolvers.paging import MAXIMUM_PAGE

CHANGED: Final = "Whether anything was changed, or would be in a dry run."
ERRORS: Final = "Why nothing was done; with ANNOTATION_DRIFT, what is left to be written down."


@strawberry.type(description="What became of the link of a project.")
class ProjectLinkPayload:
    """Made from an `Outcome`."""

    link: ProjectLink | None = own("The link as it is now; none where none was made.")
    changed: bool = own(CHANGED)
    user_errors: list[UserError] = own(ERRORS)


@strawberry.type(description="What became of the link of a sample.")
class SampleLinkPayload:
    """Made from an `Outcome`."""

    link: SampleLink | None = own("The link as it is now; none where none was made.")
    changed: bool = own(CHANGED)
    user_errors: list[UserError] = own(ERRORS)


@strawberry.type(description="What became of a link of either kind.")
class LinkPayload:
    """Made from an `Outcome`."""

    link: Link | None = own("The link as it is now.")
    changed: bool = own(CHANGED)
    user_errors: list[UserError] = own(ERRORS)


ProjectId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The openBIS project: its id here, its permId or identifier."),
]
SampleId = Annotated[
    strawberry.ID,
    strawberry.argument(description="The openBIS sample: its id here, its permId or identifier."),
]
ImageProjectId = Annotated[
    strawberry.ID, strawberry.argument(description="The OMERO project: its id here, or in OMERO.")
]
ImageDatasetId = Annotated[
    strawberry.ID, strawberry.argument(description="The OMERO dataset: its id here, or in OMERO.")
]
NewEnd = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="The end that the link shall have; the old one stays if not."),
]
LinkId = Annotated[strawberry.ID, strawberry.argument(description="The link's id.")]
ExpectedRevision = Annotated[
    int,
    strawberry.argument(
        description="The revision that you decided on; if it has another by now, nothing is done."
    ),
]
DryRun = Annotated[
    bool, strawberry.argument(description="Check everything, tell the outcome, write nothing.")
]

_PROJECT_FIELDS: Final = {"openbis": "project", "omero": "imageProject"}
_SAMPLE_FIELDS: Final = {"openbis": "sample", "omero": "imageDataset"}


@strawberry.type(description="Linking the two systems.")
class LinkCommands:
    """The part of `Mutation` that is about links."""

    @strawberry.mutation(
        description="Link an openBIS project with the one OMERO project that belongs to it."
    )
    async def link_project(
        self,
        info: Info,
        project: ProjectId,
        image_project: ImageProjectId,
        dry_run: DryRun = False,
    ) -> ProjectLinkPayload:
        """Link two projects."""
        pair = links.Pair(openbis_id(project, "Project"), omero_id(image_project, "ImageProject"))
        outcome = await links.link(info.context, LinkKind.PROJECT, pair, dry_run=dry_run)
        return payload(ProjectLinkPayload, outcome, _PROJECT_FIELDS)

    @strawberry.mutation(
        description="Link a sample with the one OMERO dataset that belongs to it. The dataset must "
        "lie in the OMERO project that the sample's project is linked to."
    )
    async def link_sample(
        self,
        info: Info,
        sample: SampleId,
        image_dataset: ImageDatasetId,
        dry_run: DryRun = False,
    ) -> SampleLinkPayload:
        """Link a sample with a dataset."""
        pair = links.Pair(openbis_id(sample, "Sample"), omero_id(image_dataset, "ImageDataset"))
        outcome = await links.link(info.context, LinkKind.SAMPLE, pair, dry_run=dry_run)
        return payload(SampleLinkPayload, outcome, _SAMPLE_FIELDS)

    @strawberry.mutation(description="End the link of a project; its history stays.")
    async def unlink_project(
        self,
        info: Info,
        link: LinkId,
        expected_revision: ExpectedRevision,
        with_samples: Annotated[
            bool,
            strawberry.argument(description="End the links of the project's samples, too."),
        ] = False,
        dry_run: DryRun = False,
    ) -> ProjectLinkPayload:
        """End a project's link."""
        outcome = await links.unlink(
            info.context,
            link_ref(link, LinkKind.PROJECT),
            expected_revision=expected_revision,
            with_samples=with_samples,
            dry_run=dry_run,
        )
        return payload(ProjectLinkPayload, outcome, _PROJECT_FIELDS)

    @strawberry.mutation(description="End the link of a sample; its history stays.")
    async def unlink_sample(
        self,
        info: Info,
        link: LinkId,
        expected_revision: ExpectedRevision,
        dry_run: DryRun = False,
    ) -> SampleLinkPayload:
        """End a sample's link."""
        outcome = await links.unlink(
            info.context,
            link_ref(link, LinkKind.SAMPLE),
            expected_revision=expected_revision,
            dry_run=dry_run,
        )
        return payload(SampleLinkPayload, outcome, _SAMPLE_FIELDS)

    @strawberry.mutation(
        description="Give a link another end, or put a sample's link below the project that the "
        "sample is in now. Ends that are left out stay."
    )
    async def move_link(
        self,
        info: Info,
        link: LinkId,
        expected_revision: ExpectedRevision,
        project: NewEnd = None,
        image_project: NewEnd = None,
        sample: NewEnd = None,
        image_dataset: NewEnd = None,
        dry_run: DryRun = False,
    ) -> LinkPayload:
        """Move a link."""
        ref = link_ref(link)
        if ref.kind is LinkKind.PROJECT:
            fields, names = _PROJECT_FIELDS, ("Project", "ImageProject")
            given, others = (project, image_project), (sample, image_dataset)
        else:
            fields, names = _SAMPLE_FIELDS, ("Sample", "ImageDataset")
            given, others = (sample, image_dataset), (project, image_project)
        if any(other is not None for other in others):
            one, other = fields.values()
            raise BadInput(f"This link connects a {names[0]}: give `{one}` or `{other}`.")
        openbis, omero = given
        outcome = await links.move(
            info.context,
            ref,
            expected_revision=expected_revision,
            openbis=None if openbis is None else openbis_id(openbis, names[0]),
            omero_id=None if omero is None else omero_id(omero, names[1]),
            dry_run=dry_run,
        )
        return payload(LinkPayload, outcome, fields)

    @strawberry.mutation(
        description="Take over what conventions have linked: names, ids in properties, addresses "
        "in comments, annotations, LINK data sets. Links that are beyond doubt are made, where you "
        "may make them; the rest is told. For a whole institute use `omnibis links discover`."
    )
    async def discover_links(
        self,
        info: Info,
        project: Annotated[
            str | None,
            strawberry.argument(description="Only this project, by identifier or code."),
        ] = None,
        first: Annotated[
            int, strawberry.argument(description="How many of each list to tell, 500 at most.")
        ] = 50,
        dry_run: DryRun = False,
    ) -> DiscoverLinksPayload:
        """Discover links."""
        if not 0 <= first <= MAXIMUM_PAGE:
            raise BadInput(f"`first` must be between 0 and {MAXIMUM_PAGE}; it is {first}.")
        context = info.context
        within = None
        if project is not None:
            within = await catalog.project_by_identifier(context, project, Fetch.of("space"))
        told: dict[str, Any] = {"proposals": [], "ambiguities": [], "user_errors": []}
        counts: dict[str, Any] = dict.fromkeys(("proposed", "linked", "ambiguous"), 0)
        async for found in links.discover(context, within, dry_run=dry_run, progress=no_progress):
            counts["proposed"] += len(found.proposals)
            counts["linked"] += sum(one.linked for one in found.proposals)
            counts["ambiguous"] += len(found.ambiguities)
            told["proposals"] += found.proposals[: first - len(told["proposals"])]
            told["ambiguities"] += found.ambiguities[: first - len(told["ambiguities"])]
            told["user_errors"] += user_errors(found.remarks)
        return DiscoverLinksPayload(**counts, **told)

    @strawberry.mutation(
        description="Mend findings of `linkAudit` as each of them names: those of the kinds, with "
        "the ids, that you give. What is no longer wrong is left alone."
    )
    async def repair_links(
        self,
        info: Info,
        kinds: Annotated[
            list[FindingKind] | None, strawberry.argument(description="Only findings of these.")
        ] = None,
        ids: Annotated[
            list[strawberry.ID] | None, strawberry.argument(description="Only these findings.")
        ] = None,
        project: Annotated[
            str | None,
            strawberry.argument(description="Only this project, by identifier or code."),
        ] = None,
        dry_run: DryRun = False,
    ) -> RepairLinksPayload:
        """Repair links."""
        context = info.context
        within = None
        if project is not None:
            within = await catalog.project_by_identifier(context, project, Fetch.of("space"))
        results: list[Any] = []
        repaired = 0
        async for one in links.repair(
            context,
            within,
            kinds=kinds or (),
            ids=ids or (),
            dry_run=dry_run,
            progress=no_progress,
        ):
            repaired += one.done
            results += [one] * (len(results) < MAXIMUM_PAGE)
        lacking = set(ids or ()) - {links.finding_id(one.finding) for one in results}
        lost = [
            links.Remark(links.Code.NOT_FOUND, f"There is no finding {each} (any more).", "ids")
            for each in sorted(lacking)
        ]
        return RepairLinksPayload(repaired=repaired, results=results, user_errors=user_errors(lost))


def no_progress(_name: str, _done: int, _total: int | None) -> None:
    """Tell nobody: a request has no bar."""


def payload(kind: Any, outcome: links.Outcome, fields: Mapping[str, str]) -> Any:
    """Make a payload; a link's record stands where its type is named."""
    return kind(
        link=outcome.link,
        changed=outcome.changed,
        user_errors=user_errors(outcome.remarks, fields),
    )
