"""What the demonstration asks of a mapping beyond the least: who, when, and what images are.

The format is `backends/sheets/mapping.py`; the loader makes a whole study at once, so that persons,
group, time, images and their acquisitions must be said. Read by `loader.py`.
"""

from __future__ import annotations

from pydantic import AwareDatetime

from backends.sheets.mapping import AcquisitionDefaults, Entity, Images, Mapping, Study, Text


class DemonstrationStudy(Study):
    """The openBIS project, its OMERO counterpart, and who may see them."""

    group: Text  # in OMERO; made if it is not there
    registrator: Text
    registered: AwareDatetime


class StudyMapping(Mapping):
    """A mapping that a whole study can be made from."""

    study: DemonstrationStudy
    sample: Entity
    images: Images
    acquisitions: dict[Text, AcquisitionDefaults]
