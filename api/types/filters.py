"""Which projects, experiments, samples, omics datasets and images: the filters of the schema.

Within one filter all that is set must hold; `and`, `or` and `not` nest. Each is pushed down to the
system that owns the objects, by the frozen predicate it turns itself into.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import strawberry

from api.types.conditions import (
    DateCondition,
    KeyValueCondition,
    LengthCondition,
    NumberCondition,
    PropertyCondition,
    StringCondition,
)
from api.types.scalars import BigInt
from backends import filters
from resolvers.cohorts.predicates import MODALITY_KEY


@strawberry.enum(description="Where the content of an omics dataset is.")
class OmicsKind(StrEnum):
    """As openBIS spells it."""

    PHYSICAL = "PHYSICAL"
    LINK = "LINK"
    CONTAINER = "CONTAINER"


def optional(description: str, name: str | None = None) -> Any:
    """Declare a part of a filter that need not be set."""
    return strawberry.field(default=None, description=description, name=name)


def _match(condition: Any) -> Any:
    return None if condition is None else condition.to_match()


def _matches(conditions: list[Any] | None) -> tuple[Any, ...]:
    return tuple(condition.to_match() for condition in conditions or ())


def _modality(condition: StringCondition | None) -> tuple[filters.KeyValueMatch, ...]:
    """OMERO has no attribute for it; by convention it stands in a pair."""
    if condition is None:
        return ()
    return (filters.KeyValueMatch(MODALITY_KEY, value=condition.to_match()),)


def _nested(given: Any) -> dict[str, Any]:
    """The three connectives, for the filter class at hand."""
    return {
        "all_of": tuple(part.to_filter() for part in given.and_ or ()),
        "any_of": tuple(part.to_filter() for part in given.or_ or ()),
        "none_of": () if given.not_ is None else (given.not_.to_filter(),),
    }


def filter_of(given: Any) -> Any:
    """Return the predicate of an optional filter argument."""
    return None if given is None else given.to_filter()


@strawberry.input(description="Which openBIS projects.")
class ProjectFilter:
    """Becomes a `ProjectFilter` of the adapters."""

    code: StringCondition | None = optional("On the project's code.")
    space: StringCondition | None = optional("On the code of its space.")
    perm_id: StringCondition | None = optional("On its permId.")
    and_: list[ProjectFilter] | None = optional("All of these hold too.", "and")
    or_: list[ProjectFilter] | None = optional("At least one of these holds too.", "or")
    not_: ProjectFilter | None = optional("This does not hold.", "not")

    def to_filter(self) -> filters.ProjectFilter:
        """Return the predicate."""
        return filters.ProjectFilter(
            code=_match(self.code),
            space=_match(self.space),
            perm_id=_match(self.perm_id),
            **_nested(self),
        )


@strawberry.input(description="Which openBIS experiments.")
class ExperimentFilter:
    """Becomes an `ExperimentFilter` of the adapters."""

    code: StringCondition | None = optional("On the experiment's code.")
    perm_id: StringCondition | None = optional("On its permId.")
    type: StringCondition | None = optional("On the code of its type.")
    property: list[PropertyCondition] | None = optional("All of these properties hold.")
    project: ProjectFilter | None = optional("On its project.")
    registered: DateCondition | None = optional("When it was registered.")
    modified: DateCondition | None = optional("When it was last changed.")
    and_: list[ExperimentFilter] | None = optional("All of these hold too.", "and")
    or_: list[ExperimentFilter] | None = optional("At least one of these holds too.", "or")
    not_: ExperimentFilter | None = optional("This does not hold.", "not")

    def to_filter(self) -> filters.ExperimentFilter:
        """Return the predicate."""
        return filters.ExperimentFilter(
            code=_match(self.code),
            perm_id=_match(self.perm_id),
            type=_match(self.type),
            properties=_matches(self.property),
            project=filter_of(self.project),
            registered=_match(self.registered),
            modified=_match(self.modified),
            **_nested(self),
        )


@strawberry.input(description="Which openBIS samples.")
class SampleFilter:
    """Becomes a `SampleFilter` of the adapters."""

    code: StringCondition | None = optional("On the sample's code.")
    perm_id: StringCondition | None = optional("On its permId.")
    type: StringCondition | None = optional("On the code of its type.")
    property: list[PropertyCondition] | None = optional("All of these properties hold.")
    project: ProjectFilter | None = optional("On its own or its experiment's project.")
    experiment: ExperimentFilter | None = optional("On its experiment.")
    parent: SampleFilter | None = optional("One of its direct parents matches.")
    child: SampleFilter | None = optional("One of its direct children matches.")
    registered: DateCondition | None = optional("When it was registered.")
    modified: DateCondition | None = optional("When it was last changed.")
    and_: list[SampleFilter] | None = optional("All of these hold too.", "and")
    or_: list[SampleFilter] | None = optional("At least one of these holds too.", "or")
    not_: SampleFilter | None = optional("This does not hold.", "not")

    def to_filter(self) -> filters.SampleFilter:
        """Return the predicate."""
        return filters.SampleFilter(
            code=_match(self.code),
            perm_id=_match(self.perm_id),
            type=_match(self.type),
            properties=_matches(self.property),
            project=filter_of(self.project),
            experiment=filter_of(self.experiment),
            parent=filter_of(self.parent),
            child=filter_of(self.child),
            registered=_match(self.registered),
            modified=_match(self.modified),
            **_nested(self),
        )


@strawberry.input(description="Which omics datasets in openBIS.")
class OmicsFilter:
    """Becomes an `OmicsFilter` of the adapters."""

    code: StringCondition | None = optional("On the dataset's code.")
    type: StringCondition | None = optional("On the code of its type.")
    kind: OmicsKind | None = optional("Where its content is: with openBIS, or elsewhere.")
    property: list[PropertyCondition] | None = optional("All of these properties hold.")
    sample: SampleFilter | None = optional("On its sample.")
    experiment: ExperimentFilter | None = optional("On its experiment.")
    registered: DateCondition | None = optional("When it was registered.")
    modified: DateCondition | None = optional("When it was last changed.")
    and_: list[OmicsFilter] | None = optional("All of these hold too.", "and")
    or_: list[OmicsFilter] | None = optional("At least one of these holds too.", "or")
    not_: OmicsFilter | None = optional("This does not hold.", "not")

    def to_filter(self) -> filters.OmicsFilter:
        """Return the predicate."""
        return filters.OmicsFilter(
            code=_match(self.code),
            type=_match(self.type),
            kind=None if self.kind is None else self.kind.value,
            properties=_matches(self.property),
            sample=filter_of(self.sample),
            experiment=filter_of(self.experiment),
            registered=_match(self.registered),
            modified=_match(self.modified),
            **_nested(self),
        )


@strawberry.input(description="Which image projects or image datasets in OMERO.")
class ContainerFilter:
    """Becomes a `ContainerFilter` of the adapters."""

    omero_id: list[BigInt] | None = optional("Its id is one of these.")
    name: StringCondition | None = optional("On its name.")
    key_value: list[KeyValueCondition] | None = optional("It has all of these pairs.")
    tag: StringCondition | None = optional("It has a tag that matches.")
    and_: list[ContainerFilter] | None = optional("All of these hold too.", "and")
    or_: list[ContainerFilter] | None = optional("At least one of these holds too.", "or")
    not_: ContainerFilter | None = optional("This does not hold.", "not")

    def to_filter(self) -> filters.ContainerFilter:
        """Return the predicate."""
        return filters.ContainerFilter(
            omero_ids=None if self.omero_id is None else tuple(self.omero_id),
            name=_match(self.name),
            key_values=_matches(self.key_value),
            tag=_match(self.tag),
            **_nested(self),
        )


@strawberry.input(description="Which images in OMERO.")
class ImageFilter:
    """Becomes an `ImageFilter` of the adapters."""

    omero_id: list[BigInt] | None = optional("Its id is one of these.")
    name: StringCondition | None = optional("On the image's name.")
    key_value: list[KeyValueCondition] | None = optional("It has all of these pairs.")
    tag: StringCondition | None = optional("It has a tag that matches.")
    modality: StringCondition | None = optional(
        f"On its modality: the value of its key-value pair {MODALITY_KEY}."
    )
    channel: StringCondition | None = optional("The name or dye of one channel matches.")
    magnification: NumberCondition | None = optional("On its objective's magnification.")
    pixel_size: LengthCondition | None = optional("On the size of a pixel along x.")
    size_x: NumberCondition | None = optional("On its width in pixels.")
    size_y: NumberCondition | None = optional("On its height in pixels.")
    size_z: NumberCondition | None = optional("On its number of planes.")
    size_c: NumberCondition | None = optional("On its number of channels.")
    size_t: NumberCondition | None = optional("On its number of time points.")
    pixel_type: StringCondition | None = optional("On its pixel type, such as uint8.")
    format: StringCondition | None = optional("On its file format.")
    acquired: DateCondition | None = optional("When it was taken.")
    imported: DateCondition | None = optional("When it was imported.")
    image_dataset: ContainerFilter | None = optional("One of its datasets matches.")
    image_project: ContainerFilter | None = optional("One of its projects matches.")
    and_: list[ImageFilter] | None = optional("All of these hold too.", "and")
    or_: list[ImageFilter] | None = optional("At least one of these holds too.", "or")
    not_: ImageFilter | None = optional("This does not hold.", "not")

    def to_filter(self) -> filters.ImageFilter:
        """Return the predicate."""
        return filters.ImageFilter(
            omero_ids=None if self.omero_id is None else tuple(self.omero_id),
            name=_match(self.name),
            key_values=(*_matches(self.key_value), *_modality(self.modality)),
            tag=_match(self.tag),
            channel=_match(self.channel),
            magnification=_match(self.magnification),
            pixel_size=_match(self.pixel_size),
            size_x=_match(self.size_x),
            size_y=_match(self.size_y),
            size_z=_match(self.size_z),
            size_c=_match(self.size_c),
            size_t=_match(self.size_t),
            pixel_type=_match(self.pixel_type),
            format=_match(self.format),
            acquired=_match(self.acquired),
            imported=_match(self.imported),
            image_dataset=filter_of(self.image_dataset),
            image_project=filter_of(self.image_project),
            **_nested(self),
        )


_WHERE = strawberry.argument(description="Only what matches; everything if absent.")
ProjectWhere: TypeAlias = Annotated[ProjectFilter | None, _WHERE]
ExperimentWhere: TypeAlias = Annotated[ExperimentFilter | None, _WHERE]
SampleWhere: TypeAlias = Annotated[SampleFilter | None, _WHERE]
OmicsWhere: TypeAlias = Annotated[OmicsFilter | None, _WHERE]
ContainerWhere: TypeAlias = Annotated[ContainerFilter | None, _WHERE]
ImageWhere: TypeAlias = Annotated[ImageFilter | None, _WHERE]
