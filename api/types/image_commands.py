"""Registering and annotating images, as mutations."""

from __future__ import annotations

from typing import Annotated, Any

import strawberry

from api.selection import Info
from api.types.design_commands import SheetInput, previewed
from api.types.design_preview import SheetFault
from api.types.operation import Operation
from api.types.operation_commands import DryRun, Key, Seconds, registered
from api.types.scalars import BigInt
from api.types.source import own
from api.types.user_error import UserError
from backends.sheets.faults import Fault
from backends.sheets.mapping import CLIENT_NAMESPACE
from resolvers.errors import BadInput
from resolvers.image_registration.annotation import Annotating
from resolvers.image_registration.request import ImageRow
from resolvers.image_registration.source import read_images
from resolvers.workflows.annotate_images import annotate_images
from resolvers.workflows.register_images import ImagesRequest, register_images


@strawberry.input(description="A key-value pair that an image is to get.")
class KeyValueInput:
    """Becomes a triple."""

    key: str = strawberry.field(description="The key.")
    value: str = strawberry.field(description="The value.")
    namespace: str | None = strawberry.field(
        description="Its namespace; else that of pairs which people write.", default=None
    )

    def to_triple(self) -> tuple[str, str, str]:
        """Return the pair with its namespace."""
        return self.namespace or CLIENT_NAMESPACE, self.key, self.value


@strawberry.input(description="An image of a sample: either `imageId` or `file`.")
class ImageInput:
    """Becomes an `ImageRow`."""

    sample: str = strawberry.field(description="The sample's code, or its submitter's name for it.")
    image_id: BigInt | None = strawberry.field(
        description="The image in OMERO, by its id there.", default=None
    )
    file: str | None = strawberry.field(
        description="A file below the server's import folder.", default=None
    )
    key_values: list[KeyValueInput] | None = strawberry.field(
        description="What the image is to say.", default=None
    )
    tags: list[str] | None = strawberry.field(description="Its tags.", default=None)

    def to_row(self) -> ImageRow:
        """Return the row."""
        if (self.image_id is None) == (self.file is None):
            raise BadInput("Give either `imageId` or `file` for each image.")
        return ImageRow(
            self.sample,
            None if self.image_id is None else int(self.image_id),
            self.file,
            tuple(each.to_triple() for each in self.key_values or ()),
            tuple(self.tags or ()),
        )


@strawberry.input(description="Images to be registered: `images`, or a `sheet` that lists them.")
class RegisterImagesInput:
    """Becomes an `ImagesRequest`."""

    project: str = strawberry.field(description="The project's identifier, permId or code.")
    images: list[ImageInput] | None = strawberry.field(description="The images.", default=None)
    sheet: SheetInput | None = strawberry.field(
        description=(
            "A table with the columns sample, image id or file, and tags; all others become "
            "key-values. With a mapping, its images."
        ),
        default=None,
    )


@strawberry.type(description="What registering images would do.")
class ImagesPreview:
    """Backed by an `ImagesPreview` of the workflow."""

    images: int = own("Images that are in OMERO already.")
    files: int = own("Files that are to be imported.")
    samples: int = own("Samples that they are of.")
    new_image_datasets: int = own("Datasets that OMERO gets, for samples without one.")
    record: str = own("What openBIS is told: run-sample, link-data-set or none.")
    faults: list[SheetFault] = own("All that is wrong; with a fault, nothing is registered.")


@strawberry.type(description="What became of images.")
class ImagesPayload:
    """The preview, and the operation."""

    preview: ImagesPreview | None = own(
        "What it is; none when the same request had been accepted before."
    )
    operation: Operation | None = own("The operation; none for a dry run, or with faults.")
    user_errors: list[UserError] = own("What stands in the way, if anything.")


@strawberry.input(description="What one image is to say.")
class AnnotateImageInput:
    """Becomes an `Annotating`."""

    image_id: BigInt = strawberry.field(description="The image in OMERO, by its id there.")
    key_values: list[KeyValueInput] | None = strawberry.field(
        description="Key-value pairs.", default=None
    )
    tags: list[str] | None = strawberry.field(description="Tags.", default=None)


@strawberry.type(description="Images.")
class ImageCommands:
    """The part of `Mutation` that registers and annotates images."""

    @strawberry.mutation(
        description=(
            "Register images of samples: put them into the samples' datasets in OMERO (files are "
            "imported), write key-values and tags, and tell openBIS. Look first with "
            "`dryRun: true`."
        )
    )
    async def register_images(
        self,
        info: Info,
        input: Annotated[  # noqa: A002
            RegisterImagesInput, strawberry.argument(description="What is to be registered.")
        ],
        idempotency_key: Key = None,
        dry_run: DryRun = False,
        wait: Seconds = 20.0,
    ) -> ImagesPayload:
        """Register images."""
        context = info.context
        faults: list[Fault] = []
        if (input.images is None) == (input.sheet is None):
            raise BadInput("Give either `images` or `sheet`.")
        if input.sheet is not None:
            rows = read_images(input.sheet.to_source(), faults)
        else:
            rows = tuple(each.to_row() for each in input.images or ())
        work = register_images(
            context,
            ImagesRequest(input.project, rows),
            faults=faults,
            key=idempotency_key,
            dry_run=dry_run,
        )
        return _payload(*await previewed(context, work, wait))

    @strawberry.mutation(
        description="Give images key-values and tags; what one says already is not said again."
    )
    async def annotate_images(
        self,
        info: Info,
        images: Annotated[
            list[AnnotateImageInput], strawberry.argument(description="Each image once.")
        ],
        idempotency_key: Key = None,
        dry_run: DryRun = False,
        wait: Seconds = 20.0,
    ) -> ImagesPayload:
        """Annotate images."""
        context = info.context
        wanted = [
            Annotating(
                int(each.image_id),
                tuple(pair.to_triple() for pair in each.key_values or ()),
                tuple(each.tags or ()),
            )
            for each in images
        ]
        work = annotate_images(context, wanted, key=idempotency_key, dry_run=dry_run)
        record, errors = await registered(context, work, wait)
        return _payload(None, record, errors)


def _payload(preview: Any, record: Any, errors: list[UserError]) -> ImagesPayload:
    """Records stand where the types name what they become, as in all of `api.types`."""
    return ImagesPayload(preview=preview, operation=record, user_errors=errors)
