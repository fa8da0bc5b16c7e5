"""A second, naive reading of the seeded world: what answers are compared with.

It knows neither adapters nor wire nor SQL: plain loops over the rows, shaped as the schema shapes
its answers. Slow where the house is fast, and so a witness of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from backends.demo.world import DataSet, Experiment, Project, Sample, World

Row = dict[str, Any]


def moment(milliseconds: int | None) -> str | None:
    """A stored time as GraphQL tells it."""
    if milliseconds is None:
        return None
    seconds, rest = divmod(milliseconds, 1000)
    return (
        datetime.fromtimestamp(seconds, UTC)
        .replace(microsecond=rest * 1000)
        .isoformat()
        .replace("+00:00", "Z")
    )


def nodes(connection: Any) -> list[Any]:
    """The rows of an answered connection."""
    return [edge["node"] for edge in connection["edges"]]


class Atlas:
    """Look-ups in a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.openbis = world.openbis

    # --- openBIS

    @cached_property
    def projects(self) -> dict[str, Project]:
        return {each.perm_id: each for each in self.openbis.projects}

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        return {each.perm_id: each for each in self.openbis.experiments}

    @cached_property
    def samples(self) -> dict[str, Sample]:
        return {each.perm_id: each for each in self.openbis.samples}

    @cached_property
    def children(self) -> dict[str, list[Sample]]:
        below = defaultdict(list)
        for sample in self.openbis.samples:
            for parent in sample.parents:
                below[parent].append(sample)
        return below

    @cached_property
    def data_sets(self) -> dict[str, list[DataSet]]:
        """By sample."""
        found = defaultdict(list)
        for data_set in self.openbis.data_sets:
            found[data_set.sample].append(data_set)
        return found

    def project(self, code: str) -> Project:
        (found,) = [each for each in self.openbis.projects if each.code == code]
        return found

    def sample(self, code: str) -> Sample:
        (found,) = [each for each in self.openbis.samples if each.code == code]
        return found

    def project_of(self, sample: Sample) -> Project | None:
        if sample.project is not None:
            return self.projects[sample.project]
        if sample.experiment is None:
            return None
        return self.projects[self.experiments[sample.experiment].project]

    def samples_of(self, project: str, type_: str | None = None) -> list[Sample]:
        return [
            sample
            for sample in self.openbis.samples
            if (own := self.project_of(sample)) is not None
            and own.code == project
            and type_ in (None, sample.type)
        ]

    def above(self, sample: Sample) -> list[Sample]:
        """All ancestors, each once."""
        return self._closure(sample, lambda each: [self.samples[up] for up in each.parents])

    def below(self, sample: Sample) -> list[Sample]:
        """All descendants, each once."""
        return self._closure(sample, lambda each: self.children[each.perm_id])

    @staticmethod
    def _closure(start: Sample, step: Any) -> list[Sample]:
        found: dict[str, Sample] = {}
        waiting = list(step(start))
        while waiting:
            sample = waiting.pop()
            if sample.perm_id not in found:
                found[sample.perm_id] = sample
                waiting += step(sample)
        return list(found.values())

    def person(self, user: str | None) -> Row | None:
        for person in self.openbis.persons:
            if person.user_id == user:
                names = (person.first_name, person.last_name)
                return {"userId": user, "firstName": names[0], "lastName": names[1]}
        return None

    # --- OMERO

    def rows(self, entity: str) -> dict[int, Row]:
        return self._tables[entity]

    @cached_property
    def _tables(self) -> defaultdict[str, dict[int, Row]]:
        tables: defaultdict[str, dict[int, Row]] = defaultdict(dict)
        for entity, rows in self.world.omero.rows.items():
            tables[entity] = {row["id"]: row for row in rows}
        return tables

    def _grouped(self, entity: str, by: str) -> dict[int, list[Row]]:
        found: defaultdict[int, list[Row]] = defaultdict(list)
        for row in self.rows(entity).values():
            found[row[by]].append(row)
        return found

    @cached_property
    def datasets_of(self) -> dict[int, list[int]]:
        """Image id → dataset ids."""
        links = self._grouped("DatasetImageLink", "child")
        return {image: [row["parent"] for row in rows] for image, rows in links.items()}

    @cached_property
    def images_in(self) -> dict[int, list[int]]:
        """Dataset id → image ids."""
        links = self._grouped("DatasetImageLink", "parent")
        found = defaultdict(list)
        found.update({key: [row["child"] for row in rows] for key, rows in links.items()})
        return found

    @cached_property
    def datasets_in(self) -> dict[int, list[int]]:
        """Project id → dataset ids."""
        links = self._grouped("ProjectDatasetLink", "parent")
        return {key: [row["child"] for row in rows] for key, rows in links.items()}

    @cached_property
    def pixels_of(self) -> dict[int, Row]:
        return {row["image"]: row for row in self.rows("Pixels").values()}

    @cached_property
    def _channels(self) -> dict[int, list[Row]]:
        return self._grouped("Channel", "pixels")

    @cached_property
    def _annotations(self) -> dict[tuple[str, int], list[int]]:
        found: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for kind in ("Project", "Dataset", "Image"):
            for row in self.rows(f"{kind}AnnotationLink").values():
                found[kind, row["parent"]].append(row["child"])
        return found

    @cached_property
    def _roi_counts(self) -> dict[int, int]:
        return {image: len(rows) for image, rows in self._grouped("Roi", "image").items()}

    def value(self, entity: str, number: int | None) -> str | None:
        """The word of an enumeration."""
        return None if number is None else self.rows(entity)[number]["value"]

    def key_values(self, kind: str, number: int) -> list[Row]:
        maps = self.rows("MapAnnotation")
        return [
            {"key": key, "value": value, "namespace": maps[each]["ns"], "annotationId": each}
            for each in sorted(self._annotations[kind, number])
            if each in maps
            for key, value in maps[each]["mapValue"]
        ]

    def tags(self, kind: str, number: int) -> list[Row]:
        tags = self.rows("TagAnnotation")
        return [
            {
                "omeroId": each,
                "value": tags[each]["textValue"],
                "namespace": tags[each].get("ns"),
                "description": tags[each]["description"],
            }
            for each in sorted(self._annotations[kind, number])
            if each in tags
        ]

    def created(self, row: Row) -> str | None:
        return moment(self.rows("Event")[row["details.creationEvent"]]["time"])

    def owner(self, row: Row) -> Row:
        user = self.rows("Experimenter")[row["details.owner"]]
        return {
            "omeroId": user["id"],
            "userName": user["omeName"],
            "firstName": user["firstName"],
            "lastName": user["lastName"],
            "institution": user["institution"],
        }

    def group(self, row: Row) -> Row:
        group = self.rows("ExperimenterGroup")[row["details.group"]]
        return {key: group[name] for key, name in _GROUP.items()}

    def channels(self, image: int) -> list[Row]:
        pixels = self.pixels_of.get(image)
        if pixels is None:
            return []
        return [self._channel(index, row) for index, row in enumerate(self._channels[pixels["id"]])]

    def _channel(self, index: int, row: Row) -> Row:
        logical = self.rows("LogicalChannel")[row["logicalChannel"]]
        return {
            "index": index,
            "name": logical["name"],
            "fluor": logical["fluor"],
            "emission": quantity(logical["emissionWave"]),
            "excitation": quantity(logical["excitationWave"]),
            "color": {name: row[name] for name in ("red", "green", "blue", "alpha")},
            "mode": self.value("AcquisitionMode", logical["mode"]),
            "contrastMethod": self.value("ContrastMethod", logical["contrastMethod"]),
            "illumination": self.value("Illumination", logical["illumination"]),
        }

    def objective(self, image: Row) -> Row | None:
        if image["objectiveSettings"] is None:
            return None
        settings = self.rows("ObjectiveSettings")[image["objectiveSettings"]]
        objective = self.rows("Objective")[settings["objective"]]
        return {
            "omeroId": objective["id"],
            "manufacturer": objective["manufacturer"],
            "model": objective["model"],
            "magnification": objective["nominalMagnification"],
            "calibratedMagnification": objective["calibratedMagnification"],
            "numericalAperture": objective["lensNA"],
            "immersion": self.value("Immersion", objective["immersion"]),
            "correction": self.value("Correction", objective["correction"]),
            "workingDistance": quantity(objective["workingDistance"]),
            "medium": self.value("Medium", settings["medium"]),
            "refractiveIndex": settings["refractiveIndex"],
        }

    def instrument(self, image: Row) -> Row | None:
        if image["instrument"] is None:
            return None
        microscope = self.rows("Microscope")[
            self.rows("Instrument")[image["instrument"]]["microscope"]
        ]
        return {
            "omeroId": image["instrument"],
            "manufacturer": microscope["manufacturer"],
            "model": microscope["model"],
            "serialNumber": microscope["serialNumber"],
            "type": self.value("MicroscopeType", microscope["type"]),
        }

    @cached_property
    def _entries(self) -> dict[int, list[Row]]:
        return self._grouped("FilesetEntry", "fileset")

    def fileset(self, image: Row) -> Row | None:
        if image["fileset"] is None:
            return None
        files = [
            (entry, self.rows("OriginalFile")[entry["originalFile"]])
            for entry in self._entries[image["fileset"]]
        ]
        return {
            "omeroId": image["fileset"],
            "templatePrefix": self.rows("Fileset")[image["fileset"]]["templatePrefix"],
            "files": [
                {
                    "omeroId": file["id"],
                    "name": file["name"],
                    "path": file["path"],
                    "clientPath": entry["clientPath"],
                    "size": file["size"],
                    "hash": file["hash"],
                    "mimetype": file["mimetype"],
                }
                for entry, file in files
            ],
        }

    def image(self, number: int) -> Row:
        """All plain fields and facets of an image."""
        row = self.rows("Image")[number]
        pixels = self.pixels_of.get(number, {})
        sizes = {axis.lower(): quantity(pixels.get(f"physicalSize{axis}")) for axis in "XYZ"}
        return {
            "omeroId": number,
            "name": row["name"],
            "description": row["description"],
            "acquiredAt": moment(row["acquisitionDate"]),
            "importedAt": self.created(row),
            "format": self.value("Format", row["format"]),
            **{f"size{axis}": pixels.get(f"size{axis}") for axis in "XYZCT"},
            "pixelType": self.value("PixelsType", pixels.get("pixelsType")),
            "significantBits": pixels.get("significantBits"),
            "pixelSize": sizes if any(sizes.values()) else None,
            "channels": self.channels(number),
            "objective": self.objective(row),
            "instrument": self.instrument(row),
            "keyValues": self.key_values("Image", number),
            "tags": self.tags("Image", number),
            "roiCount": self._roi_counts.get(number, 0),
            "fileset": self.fileset(row),
            "owner": self.owner(row),
            "group": self.group(row),
        }

    # --- links

    @cached_property
    def dataset_of_sample(self) -> dict[str, int]:
        return {link.perm_id: link.omero_id for link in self.world.sample_links}

    @cached_property
    def sample_of_dataset(self) -> dict[int, Sample]:
        return {link.omero_id: self.samples[link.perm_id] for link in self.world.sample_links}

    def image_project(self, code: str) -> int:
        """The OMERO project linked to an openBIS project."""
        perm_id = self.project(code).perm_id
        (found,) = [each.omero_id for each in self.world.project_links if each.perm_id == perm_id]
        return found


_GROUP = {"omeroId": "id", "name": "name", "description": "description"}


def quantity(pair: tuple[float, str] | None) -> Row | None:
    """A stored quantity as GraphQL tells it."""
    return None if pair is None else {"value": pair[0], "unit": pair[1]}


def by_code(records: Iterable[Any]) -> list[Any]:
    """In the order of codes, as lists come unless told otherwise."""
    return sorted(records, key=lambda record: record.code)


IMAGE_FIELDS = """
  omeroId name description acquiredAt importedAt format sizeX sizeY sizeZ sizeC sizeT
  pixelType significantBits
  pixelSize { x { value unit } y { value unit } z { value unit } }
  channels {
    index name fluor emission { value unit } excitation { value unit }
    color { red green blue alpha } mode contrastMethod illumination
  }
  objective {
    omeroId manufacturer model magnification calibratedMagnification numericalAperture
    immersion correction workingDistance { value unit } medium refractiveIndex
  }
  instrument { omeroId manufacturer model serialNumber type }
  keyValues { key value namespace annotationId }
  tags { omeroId value namespace description }
  roiCount
  fileset { omeroId templatePrefix files { omeroId name path clientPath size hash mimetype } }
  owner { omeroId userName firstName lastName institution }
  group { omeroId name description }
"""
