"""ANNOTATE_IMAGES: key-values and tags for images that are in OMERO, whatever sample they are of.

What an image says already is not said again, so that the same request may be sent as often as one
likes. Nothing is taken back: a request that was cut short is simply sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from backends.errors import NotFound, Source
from backends.fetch import Fetch
from link_store.operation_records import OperationRecord
from resolvers.context import RequestContext
from resolvers.errors import BadInput
from resolvers.image_registration.annotation import IMAGES_AT_ONCE, Annotating, annotate
from resolvers.workflows.definition import Json, Run, Step, Workflow

KIND: Final = "ANNOTATE_IMAGES"
MOST_IMAGES: Final = 50_000
NAMED: Final = 5


async def annotate_images(
    context: RequestContext,
    wanted: Sequence[Annotating],
    *,
    key: str | None = None,
    dry_run: bool = False,
) -> OperationRecord | None:
    """Annotate images, or only tell whether all of them are there.

    Raises:
        BadInput: there are none or too many, or one is named twice.
        NotFound: the viewer does not see one of them.
    """
    ids = [each.image_id for each in wanted]
    if not 0 < len(ids) <= MOST_IMAGES:
        raise BadInput(f"Name 1 to {MOST_IMAGES} images.")
    if len(set(ids)) < len(ids):
        raise BadInput("Name each image once, with all that it is to say.")
    if not all(each.pairs or each.tags for each in wanted):
        raise BadInput("Say for each image which key-values or tags it is to get.")
    asked: Json = {
        "images": [
            [each.image_id, [list(pair) for pair in each.pairs], list(each.tags)] for each in wanted
        ]
    }
    context.openbis_token()  # operations are their owner's in openBIS
    seen = await context.services.omero.images_by_ids(
        context.omero_session(), ids, Fetch(), context.call
    )
    if missing := [str(each) for each in ids if each not in seen]:
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        raise NotFound(
            Source.OMERO,
            f"OMERO has no images {', '.join(missing[:NAMED])}{more} that you may see.",
        )
    if dry_run:
        return None
    known = await context.operations().known(context, KIND, asked, key)
    if known is not None:
        return known
    return await context.operations().submit(context, KIND, asked, key)


def _wanted(run: Run) -> list[Annotating]:
    return [
        Annotating(number, tuple((ns, name, value) for ns, name, value in pairs), tuple(tags))
        for number, pairs, tags in run.input["images"]
    ]


async def _annotate(run: Run) -> Json:
    start = run.part * IMAGES_AT_ONCE
    told = await annotate(run.context, _wanted(run)[start : start + IMAGES_AT_ONCE])
    return {"annotations": told.annotations, "tags": told.tags}


def _outcome(run: Run) -> Json:
    told = run.results.get("annotate") or ()
    return {
        "images": [each[0] for each in run.input["images"]],
        "counts": {
            "annotations": sum(each["annotations"] for each in told),
            "tags": sum(each["tags"] for each in told),
        },
    }


ANNOTATE_IMAGES: Final = Workflow(
    KIND,
    (
        Step(
            "annotate",
            "Write key-values and tags",
            _annotate,
            parts=lambda run: -(-len(run.input["images"]) // IMAGES_AT_ONCE),
            final=True,
        ),
    ),
    title=lambda asked: f"Annotate {len(asked['images'])} images",
    claims=lambda asked: tuple(f"image {each[0]}" for each in asked["images"][:NAMED]),
    outcome=_outcome,
)
