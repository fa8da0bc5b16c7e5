"""All HQL of the product: named projections, and the clauses they are put together from.

Projections only, never entities; quantities as value and unit columns; optional references by
left outer join, because an implicit path through one would drop rows. The P-numbers are those of
the fact sheet. Conditions come from `predicates.py`, order and keys from `keyset.py`; rows are read
by `decode.py` in the order of the columns here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from backends.records import ImagingKind


@dataclass(frozen=True, slots=True)
class Projection:
    """One HQL projection; `name` is what counters call it."""

    name: str
    columns: tuple[str, ...]
    source: str
    where: tuple[str, ...] = ()
    group: str = ""
    order: tuple[str, ...] = ()

    def select(self, *columns: str) -> Projection:
        """The same with further columns behind."""
        return replace(self, columns=(*self.columns, *columns))

    def join(self, joins: str) -> Projection:
        """The same with further joins behind."""
        return replace(self, source=f"{self.source} {joins}")

    def filter(self, *conditions: str | bool) -> Projection:
        """The same with further conditions; True adds nothing (False is for callers to avoid)."""
        return replace(self, where=(*self.where, *(c for c in conditions if isinstance(c, str))))

    def sort(self, *terms: str) -> Projection:
        """The same in this order, behind the order it has."""
        return replace(self, order=(*self.order, *terms))

    def hql(self) -> str:
        """The text that goes to the server."""
        parts = ["select", ", ".join(self.columns), "from", self.source]
        if self.where:
            parts += ["where", " and ".join(self.where)]
        if self.group:
            parts += ["group by", self.group]
        if self.order:
            parts += ["order by", ", ".join(self.order)]
        return " ".join(parts)


# --- Images: alias i, primary pixels px ----------------------------------------------------------

_IMAGE_COLUMNS = (
    *("i.id", "i.name", "i.description", "i.details.owner.id", "i.details.group.id"),
    *("i.acquisitionDate", "ce.time", "f.value", "px.id", "pt.value"),
    *("px.sizeX", "px.sizeY", "px.sizeZ", "px.sizeC", "px.sizeT", "px.significantBits"),
    *("px.physicalSizeX.value", "px.physicalSizeX.unit"),
    *("px.physicalSizeY.value", "px.physicalSizeY.unit"),
    *("px.physicalSizeZ.value", "px.physicalSizeZ.unit"),
    *("i.instrument.id", "i.fileset.id"),
)
_IMAGE_JOINS = (
    "join i.details.creationEvent ce left outer join i.format f "
    "left outer join i.pixels px left outer join px.pixelsType pt"
)
# The collection is ordered and its first element is "the" pixels: no image comes twice.
_PRIMARY = "(px.id is null or index(px) = 0)"

# P09: images with their primary pixels; the caller filters.
IMAGES = Projection("images", _IMAGE_COLUMNS, f"Image i {_IMAGE_JOINS}", (_PRIMARY,))
# P08: the same below their datasets.
IMAGES_OF_DATASETS = Projection(
    "imagesOfDatasets",
    _IMAGE_COLUMNS,
    f"DatasetImageLink l join l.child i {_IMAGE_JOINS}",
    (_PRIMARY,),
    order=("l.parent.id",),
)
IMAGE_WIDTH = len(_IMAGE_COLUMNS)

# P11 in short, joined to the image instead of asked for on its own.
MAGNIFICATION_JOINS = "left outer join i.objectiveSettings os left outer join os.objective o"
MAGNIFICATION_COLUMNS = ("o.id", "o.nominalMagnification")
# P11
OBJECTIVE_JOINS = (
    f"{MAGNIFICATION_JOINS} left outer join os.medium med "
    "left outer join o.immersion imm left outer join o.correction cor"
)
OBJECTIVE_COLUMNS = (
    *("o.id", "o.manufacturer", "o.model", "o.nominalMagnification", "o.calibratedMagnification"),
    *("o.lensNA", "imm.value", "cor.value", "o.workingDistance.value", "o.workingDistance.unit"),
    *("med.value", "os.refractiveIndex"),
)
# P12, likewise.
INSTRUMENT_JOINS = (
    "left outer join i.instrument ins left outer join ins.microscope mic "
    "left outer join mic.type mict"
)
INSTRUMENT_COLUMNS = ("ins.id", "mic.manufacturer", "mic.model", "mic.serialNumber", "mict.value")

# P07: which images lie in which datasets, in the order of a page.
IMAGE_PAIRS = Projection(
    "imagePairs",
    ("i.id", "l.parent.id"),
    "DatasetImageLink l join l.child i join i.details.creationEvent ce",
    order=("l.parent.id",),
)
# P31: without a joined collection no row comes twice, so a plain count is exact and needs no sort.
COUNT_IMAGES = Projection("countImages", ("count(i.id)",), "Image i")
# P21: distinct, because two users may have linked the same pair.
COUNT_IMAGES_OF_DATASETS = Projection(
    "countImagesOfDatasets",
    ("l.parent.id", "count(distinct l.child.id)"),
    "DatasetImageLink l",
    group="l.parent.id",
)
COUNT_MATCHING_IMAGES_OF_DATASETS = Projection(
    "countImagesOfDatasets",
    ("l.parent.id", "count(distinct i.id)"),
    "DatasetImageLink l join l.child i",
    group="l.parent.id",
)
# The same without naming datasets: of all that have matching images, a page at a time.
DATASETS_WITH_IMAGES = Projection(
    "datasetsWithImages",
    ("l.parent.id", "count(distinct i.id)"),
    "DatasetImageLink l join l.child i",
    group="l.parent.id",
    order=("l.parent.id",),
)
# The values of one key among the images of datasets, with how many images have each.
IMAGE_VALUES_OF_DATASETS = Projection(
    "imageValuesOfDatasets",
    ("l.parent.id", "mv.value", "count(distinct i.id)"),
    "DatasetImageLink l join l.child i join i.annotationLinks al join al.child a "
    "join a.mapValue mv",
    ("mv.name = :key",),
    group="l.parent.id, mv.value",
)


# P09 in short: which pixels a thumbnail is drawn from, and their proportions.
PRIMARY_PIXELS = Projection(
    "primaryPixels",
    ("i.id", "px.id", "px.sizeX", "px.sizeY"),
    "Image i left outer join i.pixels px",
    ("i.id in (:ids)", _PRIMARY),
)


# --- Facets of images: a scope (`scopes.py`) says of which ---------------------------------------

# P10 in short: their names.
CHANNEL_NAMES = Projection(
    "channelNames",
    ("px.image.id", "px.id", "index(c)", "lc.name", "lc.fluor"),
    "Pixels px join px.channels c left outer join c.logicalChannel lc",
    order=("px.image.id", "px.id", "index(c)"),
)
# P10
CHANNELS = Projection(
    "channels",
    (
        *CHANNEL_NAMES.columns,
        *("lc.emissionWave.value", "lc.emissionWave.unit"),
        *("lc.excitationWave.value", "lc.excitationWave.unit"),
        *("c.red", "c.green", "c.blue", "c.alpha", "m.value", "cm.value", "il.value"),
    ),
    f"{CHANNEL_NAMES.source} left outer join lc.mode m left outer join lc.contrastMethod cm "
    "left outer join lc.illumination il",
    order=CHANNEL_NAMES.order,
)
# P19
ROI_COUNTS = Projection("roiCounts", ("r.image.id", "count(r.id)"), "Roi r", group="r.image.id")
# P34 by fileset rather than by image: thousands of images may come from one fileset.
FILESETS = Projection(
    "filesets",
    (
        *("fs.id", "fs.templatePrefix", "e.clientPath", "o.id", "o.name", "o.path"),
        *("o.size", "o.hash", "o.mimetype"),
    ),
    "Fileset fs left outer join fs.usedFiles e left outer join e.originalFile o",
    order=("fs.id", "e.id"),
)


def fileset_of(condition: str) -> str:
    """Which filesets: those of the images (alias im) that fulfil a condition."""
    return " ".join(["fs.id in (select im.fileset.id from Image im where", condition + ")"])


# --- Containers: alias c ------------------------------------------------------------------------

_CONTAINER_COLUMNS = (
    *("c.id", "c.name", "c.description", "c.details.owner.id", "c.details.group.id", "ce.time"),
)
CONTAINER_WIDTH = len(_CONTAINER_COLUMNS)
_CONTAINER_JOINS = "join c.details.creationEvent ce"

# P01, P03
IMAGE_PROJECTS = Projection("imageProjects", _CONTAINER_COLUMNS, f"Project c {_CONTAINER_JOINS}")
# P05, P06
IMAGE_DATASETS = Projection("imageDatasets", _CONTAINER_COLUMNS, f"Dataset c {_CONTAINER_JOINS}")
# P04
IMAGE_DATASETS_OF_PROJECTS = Projection(
    "imageDatasetsOfProjects",
    _CONTAINER_COLUMNS,
    f"ProjectDatasetLink l join l.child c {_CONTAINER_JOINS}",
    order=("l.parent.id",),
)
# P33, one level at a time
IMAGE_DATASETS_OF_IMAGES = Projection(
    "imageDatasetsOfImages",
    (*_CONTAINER_COLUMNS, "l.child.id"),
    f"DatasetImageLink l join l.parent c {_CONTAINER_JOINS}",
    ("l.child.id in (:ids)",),
    order=("l.child.id", "c.id"),
)
IMAGE_PROJECTS_OF_DATASETS = Projection(
    "imageProjectsOfDatasets",
    (*_CONTAINER_COLUMNS, "l.child.id"),
    f"ProjectDatasetLink l join l.parent c {_CONTAINER_JOINS}",
    ("l.child.id in (:ids)",),
    order=("l.child.id", "c.id"),
)
COUNT_IMAGE_PROJECTS = Projection("countImageProjects", ("count(c.id)",), "Project c")
COUNT_IMAGE_DATASETS = Projection("countImageDatasets", ("count(c.id)",), "Dataset c")
# P22
COUNT_DATASETS_OF_PROJECTS = Projection(
    "countImageDatasetsOfProjects",
    ("l.parent.id", "count(distinct l.child.id)"),
    "ProjectDatasetLink l",
    ("l.parent.id in (:ids)",),
    group="l.parent.id",
)
# P21 and P22 as a column, so that a count costs no call of its own.
IMAGE_COUNT = "(select count(distinct n.child.id) from DatasetImageLink n where n.parent.id = c.id)"
IMAGE_DATASET_COUNT = (
    "(select count(distinct n.child.id) from ProjectDatasetLink n where n.parent.id = c.id)"
)
# Rather than a join, by which a pair that two users linked would come twice.
IN_PROJECT = (
    "exists (select pl.id from ProjectDatasetLink pl "
    "where pl.child.id = c.id and pl.parent.id = :parent)"
)
IN_DATASET = (
    "exists (select il.id from DatasetImageLink il "
    "where il.child.id = i.id and il.parent.id = :parent)"
)


# --- What links need in bulk, see `linkage.py` ----------------------------------------------------

CONTAINED_DATASETS = Projection(
    "containedDatasets",
    ("l.id", "l.parent.id", "c.id", "c.name", "c.details.group.id"),
    "ProjectDatasetLink l join l.child c",
    ("l.parent.id in (:ids)", "l.id > :beyond"),
    order=("l.id",),
)
ADDRESSES_ON_IMAGES = Projection(
    "addressesOnImages",
    ("dl.parent.id", "a.textValue"),
    "ImageAnnotationLink l join l.child a join l.parent i join i.datasetLinks dl",
    ("a.class = CommentAnnotation", "dl.parent.id in (:ids)", "lower(a.textValue) like :address"),
    group="dl.parent.id, a.textValue",
    order=("dl.parent.id", "a.textValue"),
)


def claims(kind: ImagingKind) -> Projection:
    """One value under a key of all annotations of a namespace, in pages."""
    return Projection(
        f"claimsOf{kind}s",
        ("l.id", "l.parent.id", "mv.value"),
        f"{kind}AnnotationLink l join l.child a join a.mapValue mv",
        ("a.ns = :ns", "mv.name = :key", "l.id > :beyond"),
        order=("l.id",),
    )


def claimants(kind: ImagingKind) -> Projection:
    """The same for some values, wherever they stand."""
    return Projection(
        f"claimantsOf{kind}s",
        ("l.id", "l.parent.id", "mv.value"),
        f"{kind}AnnotationLink l join l.child a join a.mapValue mv",
        ("a.ns = :ns", "mv.name = :key", "mv.value in (:values)"),
        order=("l.id",),
    )


def addresses(kind: ImagingKind) -> Projection:
    """Comments that may hold an address."""
    return Projection(
        f"addressesOn{kind}s",
        ("l.parent.id", "a.textValue"),
        f"{kind}AnnotationLink l join l.child a",
        (
            "a.class = CommentAnnotation",
            "l.parent.id in (:ids)",
            "lower(a.textValue) like :address",
        ),
        order=("l.parent.id", "a.id", "l.id"),
    )


def permissions(kind: ImagingKind) -> Projection:
    """P40: the suffix of the second name is what makes OMERO tell them."""
    return Projection(
        f"permissionsOf{kind}s",
        ("new map(o.id as id, o as o_details_permissions)",),
        f"{kind} o",
        ("o.id in (:ids)",),
    )


# --- Annotations, users -------------------------------------------------------------------------


def key_values(kind: ImagingKind, *, namespaced: bool = True) -> Projection:
    """P15: key-value pairs in their order; a link comes per user that made one."""
    namespace = ("a.ns",) if namespaced else ()  # a third of what such an answer holds
    return Projection(
        f"keyValuesOf{kind}s",
        ("l.parent.id", "l.id", "a.id", *namespace, "mv.name", "mv.value"),
        f"{kind}AnnotationLink l join l.child a join a.mapValue mv",
        order=("l.parent.id", "a.id", "l.id", "index(mv)"),
    )


def tags(kind: ImagingKind) -> Projection:
    """P18: tags."""
    return Projection(
        f"tagsOf{kind}s",
        ("l.parent.id", "t.id", "t.textValue", "t.ns", "t.description"),
        f"{kind}AnnotationLink l join l.child t",
        ("t.class = TagAnnotation",),
        order=("l.parent.id", "t.id"),
    )


def links(entity: str) -> Projection:
    """Links of one kind, whoever made them; the caller filters."""
    return Projection(f"linksOf{entity}", ("l.id", "l.parent.id", "l.child.id"), f"{entity} l")


def by_external_id(kind: ImagingKind) -> Projection:
    """P39: objects by the identity that they were given elsewhere."""
    return Projection(
        f"externalIdsOf{kind}s",
        ("x.uuid", "o.id"),
        f"{kind} o left outer join o.details.externalInfo x",
        ("x.entityType = :type", "x.uuid in (:uuids)"),
        order=("o.id",),
    )


# P37
EXPERIMENTERS = Projection(
    "experimenters",
    ("e.id", "e.omeName", "e.firstName", "e.lastName", "e.institution"),
    "Experimenter e",
    ("e.id in (:ids)",),
)
# P38
GROUPS = Projection(
    "groups",
    ("g.id", "g.name", "g.description"),
    "ExperimenterGroup g",
    ("g.id in (:ids)",),
)
# P46: images by the checksum of a file that they were imported from.
IMAGES_BY_HASH = Projection(
    "imagesByHash",
    ("o.hash", "i.id"),
    "Image i left outer join i.fileset fs left outer join fs.usedFiles e"
    " left outer join e.originalFile o",
    ("o.hash in (:hashes)",),
    order=("i.id",),
)
# P47: tags of a group by their text.
TAGS_BY_TEXT = Projection(
    "tagsByText",
    ("t.textValue", "t.id"),
    "TagAnnotation t",
    ("t.textValue in (:texts)", "t.details.group.id = :group"),
    order=("t.id",),
)
