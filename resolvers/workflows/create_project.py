"""CREATE_PROJECT: a project in openBIS, and with imaging its OMERO project and the link of both.

Rights in both systems are looked at before the request is accepted. The reservation of the code is
the operation's claim, since a link needs both ends; openBIS comes first, because there the code is
unique, then OMERO, then the link.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, Final

from backends.errors import AccessDenied, InvalidRequest, Source
from backends.fetch import Fetch
from backends.openbis.write import NewProject, Removal
from backends.records import ImagingKind, Kind
from link_store.operation_records import OperationRecord
from link_store.records import Evidence
from resolvers import catalog, imaging
from resolvers.context import RequestContext
from resolvers.errors import BadInput
from resolvers.workflows import ends, rights
from resolvers.workflows.definition import Json, Run, Step, Workflow

KIND: Final = "CREATE_PROJECT"
CODE: Final = re.compile(r"[A-Z0-9_\-.]{1,60}")
LONGEST_DESCRIPTION: Final = 10_000
USER_GROUPS: Final = frozenset({0, 1, 2})  # system, user, guest: no place for data


@dataclass(frozen=True, slots=True)
class NewProjectRequest:
    """What is asked for; `imaging` wants an OMERO project, in the group or the viewer's own."""

    space: str
    code: str
    description: str | None = None
    imaging: bool = True
    image_group: int | None = None


async def create_project(
    context: RequestContext,
    request: NewProjectRequest,
    *,
    key: str | None = None,
    dry_run: bool = False,
) -> OperationRecord | None:
    """Register a project, or only tell whether it could be.

    Returns:
        The operation, which may have ended already; None for a dry run.

    Raises:
        BadInput: the code is none, or is taken, or the group is not the viewer's.
        AccessDenied: the viewer may not create it in one of the systems.
        NotSignedIn: a session that is needed is missing.
        ClaimTaken: somebody else is registering the same code.
    """
    asked = await _checked(context, request)
    if dry_run:
        await _check_free(context, _identifier(asked))
        return None
    operations = context.operations()
    known = await operations.known(context, KIND, asked["request"], key)
    if known is not None:
        return known
    await _check_free(context, _identifier(asked))
    return await operations.submit(context, KIND, asked, key)


async def _checked(context: RequestContext, request: NewProjectRequest) -> Json:
    """The request with its codes as openBIS spells them, and the group that it means."""
    space, code = request.space.strip().strip("/").upper(), request.code.strip().upper()
    if not CODE.fullmatch(code):
        raise BadInput(
            "A project's code has 1 to 60 letters, digits, underscores, hyphens or dots."
        )
    if not CODE.fullmatch(space):
        raise BadInput("Name the space by its code, such as CLINICAL.")
    description = (request.description or "").strip() or None
    if description is not None and len(description) > LONGEST_DESCRIPTION:
        raise BadInput(f"A description has at most {LONGEST_DESCRIPTION} characters.")
    context.openbis_token()
    group = await group_for_images(context, request.image_group) if request.imaging else None
    checked = NewProjectRequest(
        space, code, description, imaging=request.imaging, image_group=request.image_group
    )
    return {**asdict(checked), "image_group": group, "request": asdict(checked)}


async def group_for_images(context: RequestContext, wanted: int | None) -> int:
    """The OMERO group that new objects go to: the one that is asked for, or the session's own.

    Raises:
        BadInput: the viewer is no member of it, and no administrator, or there is no such group.
    """
    who = await imaging.omero_identity(context)
    group = who.group_id if wanted is None else wanted
    allowed = group not in USER_GROUPS and group in who.group_ids
    if not allowed and group not in USER_GROUPS and who.is_admin:
        session = context.omero_session()
        allowed = bool(await context.services.omero.groups(session, [group], context.call))
    if not allowed:
        raise BadInput(
            "Name an OMERO group that you are a member of as `imageGroup`; your own groups are "
            f"{', '.join(str(each) for each in who.group_ids if each not in USER_GROUPS)}.",
            Source.OMERO,
        )
    return group


async def _check_free(context: RequestContext, identifier: str) -> None:
    """See that the project can be made in openBIS, as far as openBIS tells beforehand."""
    if await catalog.find(context, Kind.PROJECT, identifier, Fetch()) is not None:
        raise BadInput(
            f"openBIS has a project {identifier} already; choose another code.", Source.OPENBIS
        )
    await rights.require_new(
        context,
        Kind.PROJECT,
        identifier,
        "You may not create projects in this space, or there is no such space.",
    )


def _identifier(asked: Json) -> str:
    return f"/{asked['space']}/{asked['code']}"


# --- the steps ----------------------------------------------------------------------------------


async def _make_in_openbis(run: Run) -> Json:
    identifier = _identifier(run.input)
    found = await ends.in_openbis(run, Kind.PROJECT, identifier)
    if found is None:
        found = await _created(run, identifier)
    elif not (run.again and ends.is_ours(run, found)):
        raise _taken(identifier)
    return {"permId": found.perm_id, "identifier": identifier}


async def _created(run: Run, identifier: str) -> Any:
    asked, context = run.input, run.context
    new = NewProject(asked["space"], asked["code"], asked["description"])
    try:
        await context.services.openbis.transact(context.openbis_token(), [new], context.call)
    except InvalidRequest:
        found = await ends.in_openbis(run, Kind.PROJECT, identifier)
        if found is None:
            raise
        if run.again and ends.is_ours(run, found):
            return found  # an earlier attempt came true after we had looked
        raise _taken(identifier) from None
    return await ends.in_openbis(run, Kind.PROJECT, identifier)


def _taken(identifier: str) -> BadInput:
    return BadInput(
        f"openBIS has a project {identifier} by now; choose another code.", Source.OPENBIS
    )


async def _undo_in_openbis(run: Run) -> None:
    found = await ends.in_openbis(run, Kind.PROJECT, _identifier(run.input))
    if found is None or not ends.is_ours(run, found):
        return
    context = run.context
    gone = Removal(Kind.PROJECT, (found.perm_id,), f"omnibis: operation {run.id} was undone")
    await context.services.openbis.transact(context.openbis_token(), [gone], context.call)


async def _make_in_omero(run: Run) -> Json:
    perm_id, context = run.results["openbis"]["permId"], run.context
    found = await ends.in_omero(run, ImagingKind.IMAGE_PROJECT, (perm_id,))
    if perm_id in found:
        return {"omeroId": found[perm_id]}
    asked = run.input
    new = ends.container(
        run,
        ImagingKind.IMAGE_PROJECT,
        perm_id,
        _identifier(asked),
        asked["code"],
        asked["description"],
    )
    saved = await context.services.omero.create_image_project(
        context.omero_session(), new, group=asked["image_group"], call=context.call
    )
    return {"omeroId": saved.id}


async def _undo_in_omero(run: Run) -> None:
    perm_id = run.results["openbis"]["permId"]
    found = await ends.in_omero(run, ImagingKind.IMAGE_PROJECT, (perm_id,))
    if perm_id in found:
        await ends.forget(run, ImagingKind.IMAGE_PROJECT, [found[perm_id]])


async def _link(run: Run) -> Json:
    perm_id, omero_id = run.results["openbis"]["permId"], run.results["omero"]["omeroId"]
    links = run.context.services.links
    known = (await run.stored("projectLinks", links.project_links([perm_id]))).get(perm_id)
    if known is None or known.omero_id != omero_id:
        known = await run.stored(
            "linkProject",
            links.link_project(
                perm_id,
                omero_id,
                author=run.owner,
                evidence=Evidence.REGISTERED,
                details=ends.told(run),
            ),
        )
    return {"linkId": known.id}


async def _undo_link(run: Run) -> None:
    perm_id = run.results["openbis"]["permId"]
    links = run.context.services.links
    known = (await run.stored("projectLinks", links.project_links([perm_id]))).get(perm_id)
    if known is not None:
        await ends.unlink(run, known.ref)


async def _settle(run: Run) -> None:
    """Delete what a write that was given up for lost has made after all."""
    with suppress(AccessDenied, InvalidRequest):  # an audit will find it
        await ends.in_omero(run, ImagingKind.IMAGE_PROJECT, (run.results["openbis"]["permId"],))


def _imaging(run: Run) -> bool:
    return bool(run.input["imaging"])


CREATE_PROJECT: Final = Workflow(
    KIND,
    (
        Step("openbis", "Create the project in openBIS", _make_in_openbis, _undo_in_openbis),
        Step("omero", "Create the project in OMERO", _make_in_omero, _undo_in_omero, when=_imaging),
        Step("link", "Link both", _link, _undo_link, when=_imaging),
        Step(
            "settle",
            "Look for doubles",
            _settle,
            when=lambda run: _imaging(run) and run.again,
            final=True,
        ),
    ),
    title=lambda asked: f"Create project {_identifier(asked)}",
    claims=lambda asked: (f"project {_identifier(asked)}",),
    outcome=lambda run: {
        "project": run.results["openbis"]["permId"],
        "imageProject": (run.results.get("omero") or {}).get("omeroId"),
        "link": (run.results.get("link") or {}).get("linkId"),
    },
)
