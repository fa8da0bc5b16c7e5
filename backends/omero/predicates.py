"""Image and container filters as HQL conditions on an alias; nothing is filtered on this side.

Whatever lies beyond the row itself is asked by an `exists` of its own: several key-value
conditions may hold for different annotations, while key, value and namespace of one hold for the
same pair, and no join multiplies rows. Comparisons are false where a value is missing; `ne` and
`none_of` are logical negations and so true there. On what there may be many of (tags, channels,
pairs, containers) a match asks for one that fulfils it, and `ne` that none equals.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import inf, nextafter

from backends.errors import InvalidRequest, Source
from backends.filters import (
    ContainerFilter,
    DateMatch,
    ImageFilter,
    KeyValueMatch,
    NumberMatch,
    QuantityMatch,
    StringMatch,
)
from backends.omero.conditions import Clause, Parameters, both, either, negated
from backends.omero.units import (
    LENGTHS,
    Dimension,
    Unit,
    ceil_float,
    exact,
    floor_float,
    spellings,
    unit,
)
from backends.records import ImagingKind, Quantity


def matching(match: StringMatch | None, holds: Callable[[StringMatch], Clause]) -> Clause:
    """A whole match from its positive part; `ne` and `exists: false` are negations of one."""
    if match is None or match == StringMatch():
        return True
    clauses: list[Clause] = []
    positive = replace(match, ne=None, exists=match.exists or None)
    if positive != StringMatch():
        clauses.append(holds(positive))
    if match.ne is not None:
        clauses.append(negated(holds(StringMatch(eq=match.ne))))
    if match.exists is False:
        clauses.append(negated(holds(StringMatch(exists=True))))
    return both(clauses)


@dataclass(slots=True)
class Predicates:
    """Translates filters, binding into `parameters`."""

    parameters: Parameters = field(default_factory=Parameters)

    def image(self, where: ImageFilter | None, alias: str = "i") -> Clause:
        """Which images, as a condition on the alias of an Image.

        Raises:
            InvalidRequest: a bound, unit, date or id list that cannot be asked for.
        """
        if where is None or where == ImageFilter():
            return True
        bind = self.parameters
        key_values = [self._key_value(ImagingKind.IMAGE, alias, m) for m in where.key_values]
        return both(
            [
                True if where.omero_ids is None else bind.id_in(f"{alias}.id", where.omero_ids),
                matching(where.name, lambda match: bind.text(f"{alias}.name", match)),
                *key_values,
                self._tag(ImagingKind.IMAGE, alias, where.tag),
                matching(where.channel, lambda match: self._channel(alias, match)),
                self._magnification(alias, where.magnification),
                self._pixel_size(alias, where.pixel_size),
                *self._sizes(alias, where),
                matching(where.pixel_type, lambda match: self._pixel_type(alias, match)),
                matching(where.format, lambda match: self._format(alias, match)),
                bind.time(f"{alias}.acquisitionDate", where.acquired or DateMatch()),
                bind.time(f"{alias}.details.creationEvent.time", where.imported or DateMatch()),
                self._in_dataset(alias, where.image_dataset),
                self._in_project(alias, where.image_project),
                *(self.image(each, alias) for each in where.all_of),
                either(self.image(each, alias) for each in where.any_of) if where.any_of else True,
                *(negated(self.image(each, alias)) for each in where.none_of),
            ]
        )

    def container(
        self, kind: ImagingKind, where: ContainerFilter | None, alias: str = "c"
    ) -> Clause:
        """Which projects or datasets, as a condition on the alias of one.

        Raises:
            InvalidRequest: an id list too long, or a text that cannot be asked for.
        """
        if where is None or where == ContainerFilter():
            return True
        bind = self.parameters
        any_of = [self.container(kind, each, alias) for each in where.any_of]
        return both(
            [
                True if where.omero_ids is None else bind.id_in(f"{alias}.id", where.omero_ids),
                matching(where.name, lambda match: bind.text(f"{alias}.name", match)),
                *(self._key_value(kind, alias, match) for match in where.key_values),
                self._tag(kind, alias, where.tag),
                *(self.container(kind, each, alias) for each in where.all_of),
                either(any_of) if any_of else True,
                *(negated(self.container(kind, each, alias)) for each in where.none_of),
            ]
        )

    # --- Annotations ---------------------------------------------------------------------------

    def _key_value(self, kind: ImagingKind, alias: str, match: KeyValueMatch) -> Clause:
        def pair(value: StringMatch) -> Clause:
            bind = self.parameters
            link, note, entry = bind.alias("l"), bind.alias("a"), bind.alias("mv")
            return _exists(
                f"{link}.id",
                f"{kind}AnnotationLink {link} "
                f"join {link}.child {note} join {note}.mapValue {entry}",
                f"{link}.parent.id = {alias}.id",
                # The namespace is indexed, keys and values are not: it comes first.
                f"{note}.ns = {bind.bind(match.namespace)}"
                if match.namespace is not None
                else True,
                f"{entry}.name = {bind.bind(match.key)}",
                bind.text(f"{entry}.value", value),
            )

        if match.value is None or match.value == StringMatch():
            return pair(StringMatch())
        return matching(match.value, pair)

    def _tag(self, kind: ImagingKind, alias: str, match: StringMatch | None) -> Clause:
        def tag(text: StringMatch) -> Clause:
            bind = self.parameters
            link, note = bind.alias("l"), bind.alias("t")
            return _exists(
                f"{link}.id",
                f"{kind}AnnotationLink {link} join {link}.child {note}",
                f"{link}.parent.id = {alias}.id",
                f"{note}.class = TagAnnotation",
                bind.text(f"{note}.textValue", text),
            )

        return matching(match, tag)

    # --- Acquisition ---------------------------------------------------------------------------

    def _channel(self, alias: str, match: StringMatch) -> Clause:
        bind = self.parameters
        pixels, channel, logical = bind.alias("px"), bind.alias("ch"), bind.alias("lc")
        return _exists(
            f"{pixels}.id",
            f"Pixels {pixels} join {pixels}.channels {channel} "
            f"join {channel}.logicalChannel {logical}",
            f"{pixels}.image.id = {alias}.id",
            either(
                (bind.text(f"{logical}.name", match), bind.text(f"{logical}.fluor", match)),
            ),
        )

    def _magnification(self, alias: str, match: NumberMatch | None) -> Clause:
        if match is None or match == NumberMatch():
            return True
        bind = self.parameters
        settings, objective = bind.alias("os"), bind.alias("ob")
        return _exists(
            f"{settings}.id",
            f"ObjectiveSettings {settings} join {settings}.objective {objective}",
            f"{settings}.id = {alias}.objectiveSettings.id",
            bind.number(f"{objective}.nominalMagnification", match),
        )

    def _format(self, alias: str, match: StringMatch) -> Clause:
        name = self.parameters.alias("fm")
        return _exists(
            f"{name}.id",
            f"Format {name}",
            f"{name}.id = {alias}.format.id",
            self.parameters.text(f"{name}.value", match),
        )

    # --- Pixels --------------------------------------------------------------------------------

    def _pixels(self, alias: str, condition: Callable[[str], Clause], joins: str = "") -> Clause:
        pixels = self.parameters.alias("px")
        return _exists(
            f"{pixels}.id",
            f"Pixels {pixels}{joins.format(pixels)}",
            f"{pixels}.image.id = {alias}.id",
            condition(pixels),
        )

    def _pixel_type(self, alias: str, match: StringMatch) -> Clause:
        kind = self.parameters.alias("pt")
        return self._pixels(
            alias,
            lambda _: self.parameters.text(f"{kind}.value", match),
            f" join {{}}.pixelsType {kind}",
        )

    def _sizes(self, alias: str, where: ImageFilter) -> list[Clause]:
        sizes = {
            "sizeX": where.size_x,
            "sizeY": where.size_y,
            "sizeZ": where.size_z,
            "sizeC": where.size_c,
            "sizeT": where.size_t,
        }
        asked = {name: m for name, m in sizes.items() if m is not None and m != NumberMatch()}
        if not asked:
            return []

        def condition(pixels: str) -> Clause:
            bind = self.parameters
            return both(bind.integer(f"{pixels}.{name}", match) for name, match in asked.items())

        return [self._pixels(alias, condition)]

    def _pixel_size(self, alias: str, match: QuantityMatch | None) -> Clause:
        if match is None or match == QuantityMatch():
            return True
        intervals = [(each, _interval(each, match)) for each in LENGTHS]
        bind = self.parameters

        def condition(pixels: str) -> Clause:
            path = f"{pixels}.physicalSizeX"
            return either(
                # Cast to text, because the column is an enumeration of the database, which no
                # bound text equals; by symbol and by name, whichever the cast yields.
                f"cast({path}.unit as string) in ({bind.bind(spellings(each))})"
                f" and {path}.value >= {bind.bind(bounds[0])}"
                f" and {path}.value <= {bind.bind(bounds[1])}"
                for each, bounds in intervals
                if bounds is not None
            )

        return self._pixels(alias, condition)

    # --- Containers ----------------------------------------------------------------------------

    def _in_dataset(self, alias: str, where: ContainerFilter | None) -> Clause:
        if where is None:
            return True
        link, dataset = self.parameters.alias("dl"), self.parameters.alias("d")
        return _exists(
            f"{link}.id",
            f"DatasetImageLink {link} join {link}.parent {dataset}",
            f"{link}.child.id = {alias}.id",
            self.container(ImagingKind.IMAGE_DATASET, where, dataset),
        )

    def _in_project(self, alias: str, where: ContainerFilter | None) -> Clause:
        if where is None:
            return True
        bind = self.parameters
        link, dataset = bind.alias("dl"), bind.alias("d")
        above, project = bind.alias("pl"), bind.alias("p")
        return _exists(
            f"{link}.id",
            f"DatasetImageLink {link} join {link}.parent {dataset} "
            f"join {dataset}.projectLinks {above} join {above}.parent {project}",
            f"{link}.child.id = {alias}.id",
            self.container(ImagingKind.IMAGE_PROJECT, where, project),
        )


def _exists(column: str, source: str, *conditions: Clause) -> Clause:
    condition = both(conditions)
    if condition is False:
        return False
    words = ["select", column, "from", source, "where", str(condition)]
    return f"exists ({' '.join(words)})"


def _interval(of: Unit, match: QuantityMatch) -> tuple[float, float] | None:
    """The closed interval of floats in this unit that fulfils a match; None for an empty one.

    Exact: bounds are fractions, and each is rounded to the last float whose decimal notation lies
    on the right side. So 100 NANOMETER equals 0.1 MICROMETER, and no neighbour of it does.
    """
    least, most = -inf, inf
    for quantity in _quantities(match.ge, match.eq, match.between and match.between[0]):
        if (bound := _converted(quantity, of)) is None:
            return None
        least = max(least, ceil_float(bound))
    for quantity in _quantities(match.le, match.eq, match.between and match.between[1]):
        if (bound := _converted(quantity, of)) is None:
            return None
        most = min(most, floor_float(bound))
    for quantity in _quantities(match.gt):
        if (bound := _converted(quantity, of)) is None:
            return None
        least = max(least, nextafter(floor_float(bound), inf))
    for quantity in _quantities(match.lt):
        if (bound := _converted(quantity, of)) is None:
            return None
        most = min(most, nextafter(ceil_float(bound), -inf))
    if least > most or least == inf or most == -inf:
        return None
    greatest = nextafter(inf, 0.0)
    return max(least, -greatest), min(most, greatest)


def _quantities(*given: Quantity | None) -> list[Quantity]:
    return [quantity for quantity in given if quantity is not None]


def _converted(quantity: Quantity, to: Unit) -> Fraction | None:
    """The number of these units, exactly; None where the dimensions differ.

    Raises:
        InvalidRequest: the quantity is no length.
    """
    source = unit(quantity.unit)
    if source.dimension == Dimension.TIME:
        raise InvalidRequest(
            Source.OMERO, "A pixel size is a length: use a unit such as MICROMETER or NANOMETER."
        )
    if source.dimension != to.dimension:
        return None
    return exact(quantity.value) * source.factor / to.factor
