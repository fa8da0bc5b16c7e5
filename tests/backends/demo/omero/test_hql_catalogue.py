"""Every projection of the fact sheet's catalogue, P01 to P41, on a content known by heart."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.demo.omero.store import OmeroStore, StoreQueryError
from backends.omero.transport import RTime
from tests.backends.demo.omero.laboratory import ANN, LAB, Desk, laboratory

CONFOCAL = "LaserScanningConfocalMicroscopy"


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    store = OmeroStore(laboratory())
    yield Desk(store)
    store.shut_down()


CATALOGUE: dict[str, tuple[str, dict[str, object], list[list[object]]]] = {
    "P01": (
        """select p.id, p.name, p.description, p.version, p.details.owner.id, p.details.group.id,
        ce.time, ue.time from Project p join p.details.creationEvent ce
        join p.details.updateEvent ue where p.id in (:ids)""",
        {"ids": [1, 99]},
        [[1, "QABCD", "Study", 3, ANN, LAB, 1000, 1000]],
    ),
    "P02": (
        "select p.id, p.name from Project p where p.name in (:names) order by p.id",
        {"names": ["QABCD", "nothing"]},
        [[1, "QABCD"]],
    ),
    "P03": (
        """select p.id, p.name, p.description, p.details.owner.id, p.details.group.id
        from Project p order by lower(p.name), p.id""",
        {},
        [[1, "QABCD", "Study", ANN, LAB]],
    ),
    "P04": (
        """select l.parent.id, d.id, d.name, d.description, d.details.owner.id, d.details.group.id
        from ProjectDatasetLink l join l.child d where l.parent.id in (:ids)
        order by l.parent.id, lower(d.name), d.id""",
        {"ids": [1]},
        [[1, 1, "QABCD001AB", None, ANN, LAB], [1, 2, "QABCD002CD", None, ANN, LAB]],
    ),
    "P05": (
        """select d.id, d.name, d.description, d.version, d.details.owner.id, d.details.group.id
        from Dataset d where d.id in (:ids)""",
        {"ids": [3]},
        [[3, "qempty", None, 0, ANN, LAB]],
    ),
    "P06": (
        "select d.id, d.name from Dataset d where d.name in (:names) order by d.id",
        {"names": ["qempty", "QABCD001AB"]},
        [[1, "QABCD001AB"], [3, "qempty"]],
    ),
    "P07": (
        """select l.parent.id, l.child.id from DatasetImageLink l where l.parent.id in (:ids)
        order by l.parent.id, l.child.id""",
        {"ids": [1, 2]},
        [[1, 1], [1, 2], [1, 3], [2, 4]],
    ),
    "P08": (
        """select l.parent.id, i.id, i.name, i.description, i.acquisitionDate, ce.time,
        i.fileset.id, i.instrument.id, px.id, px.sizeX, px.sizeY, px.sizeZ, px.sizeC, px.sizeT,
        px.significantBits, pt.value, px.physicalSizeX.value, px.physicalSizeX.unit,
        px.physicalSizeY.value, px.physicalSizeY.unit, px.physicalSizeZ.value,
        px.physicalSizeZ.unit from DatasetImageLink l join l.child i
        join i.details.creationEvent ce left outer join i.pixels px
        left outer join px.pixelsType pt
        where l.parent.id in (:ids) order by l.parent.id, i.id""",
        {"ids": [1, 2]},
        [
            [
                1,
                1,
                "Alpha",
                None,
                100,
                2000,
                1,
                1,
                1,
                512,
                256,
                10,
                2,
                1,
                None,
                "uint16",
                0.2,
                "MICROMETER",
                None,
                None,
                None,
                None,
            ],
            [
                1,
                2,
                "beta",
                None,
                None,
                1000,
                None,
                None,
                2,
                512,
                256,
                1,
                2,
                1,
                None,
                "uint16",
                500.0,
                "NANOMETER",
                None,
                None,
                None,
                None,
            ],
            [1, 3, "Gamma_1", None, 300, 3000, None, None, 3, 512, 256, 5, 2, 1, None, "uint16"]
            + [None] * 6,
            [2, 4, "Ärger", None, 200, 1000, *[None] * 16],
        ],
    ),
    "P09": (
        """select i.id, i.name, i.description, i.acquisitionDate, i.details.owner.id,
        i.details.group.id, px.id, px.sizeX, px.sizeY, px.sizeZ, px.sizeC, px.sizeT,
        px.significantBits, pt.value, dim.value, px.physicalSizeX.value, px.physicalSizeX.unit,
        f.value from Image i left outer join i.pixels px left outer join px.pixelsType pt
        left outer join px.dimensionOrder dim left outer join i.format f where i.id in (:ids)""",
        {"ids": [1]},
        [
            [
                1,
                "Alpha",
                None,
                100,
                ANN,
                LAB,
                1,
                512,
                256,
                10,
                2,
                1,
                None,
                "uint16",
                "XYZCT",
                0.2,
                "MICROMETER",
                "ZeissCZI",
            ]
        ],
    ),
    "P10": (
        """select px.image.id, index(c), c.id, lc.name, lc.fluor, lc.emissionWave.value,
        lc.emissionWave.unit, lc.excitationWave.value, lc.excitationWave.unit, c.red, c.green,
        c.blue, c.alpha, c.lookupTable, m.value, cm.value, il.value, si.globalMin, si.globalMax
        from Pixels px join px.channels c join c.logicalChannel lc left outer join lc.mode m
        left outer join lc.contrastMethod cm left outer join lc.illumination il
        left outer join c.statsInfo si where px.image.id in (:ids)
        order by px.image.id, index(c)""",
        {"ids": [1, 2]},
        [
            [1, 0, 1, "DAPI", None, 461.0, "NANOMETER", None, None, 255, *[None] * 9],
            [
                1,
                1,
                2,
                "GFP",
                None,
                509.0,
                "NANOMETER",
                None,
                None,
                255,
                *([None] * 4),
                CONFOCAL,
                *([None] * 4),
            ],
            [2, 0, 3, *[None] * 6, 255, *[None] * 9],
        ],
    ),
    "P11": (
        """select i.id, os.refractiveIndex, os.correctionCollar, med.value, o.id, o.manufacturer,
        o.model, o.serialNumber, o.nominalMagnification, o.calibratedMagnification, o.lensNA,
        imm.value, cor.value, o.workingDistance.value, o.workingDistance.unit
        from Image i join i.objectiveSettings os join os.objective o left outer join os.medium med
        left outer join o.immersion imm left outer join o.correction cor where i.id in (:ids)""",
        {"ids": [1, 2]},
        [
            [
                1,
                1.518,
                None,
                None,
                1,
                "Zeiss",
                None,
                None,
                63.0,
                None,
                1.4,
                "Oil",
                "PlanApo",
                0.14,
                "MILLIMETER",
            ]
        ],
    ),
    "P12": (
        """select i.id, ins.id, mic.manufacturer, mic.model, mic.serialNumber, mt.value
        from Image i join i.instrument ins left outer join ins.microscope mic
        left outer join mic.type mt where i.id in (:ids)""",
        {"ids": [1, 2]},
        [[1, 1, "Zeiss", None, None, "Inverted"]],
    ),
    "P13": (
        """select d.instrument.id, d.id, d.manufacturer, d.model, dt.value from Detector d
        left outer join d.type dt where d.instrument.id in (:ids)""",
        {"ids": [1]},
        [[1, 1, None, "HyD", "PMT"]],
    ),
    "P14": (
        """select s.instrument.id, s.id, s.manufacturer, s.model, s.power.value, s.power.unit
        from LightSource s where s.instrument.id in (:ids)""",
        {"ids": [1]},
        [[1, 1, None, "Argon", 5.0, "MILLIWATT"], [1, 2, None, "Lamp", None, None]],
    ),
    "P15": (
        """select l.parent.id, a.id, a.ns, a.details.owner.id, mv.name, mv.value
        from ImageAnnotationLink l join l.child a join a.mapValue mv where l.parent.id in (:ids)
        order by l.parent.id, a.id, index(mv)""",
        {"ids": [2, 3]},
        [
            [2, 1, "omnibis", ANN, "stain", "H&E"],
            [2, 1, "omnibis", ANN, "organ", "liver"],
            [2, 1, "omnibis", ANN, "organ", "bile"],
            [2, 2, None, 3, "stain", "DAPI"],
        ],
    ),
    "P16": (
        """select l.parent.id, mv.name from DatasetAnnotationLink l join l.child a
        join a.mapValue mv where l.parent.id in (:ids) and a.ns in (:ns)
        order by l.parent.id, a.id, index(mv)""",
        {"ids": [1], "ns": ["omnibis", "other"]},
        [[1, "stain"], [1, "organ"], [1, "organ"]],
    ),
    "P17": (
        """select l.parent.id, a.id, a.ns, a.description, a.textValue, a.longValue, a.doubleValue,
        a.boolValue, a.timeValue, a.termValue, f.id, f.name, f.size, f.mimetype
        from ImageAnnotationLink l join l.child a left outer join a.file f
        where l.parent.id in (:ids) order by l.parent.id, a.id""",
        {"ids": [3]},
        [
            [3, 4, "rating", None, None, 5, *[None] * 8],
            [3, 5, None, None, None, None, None, True, *[None] * 6],
        ],
    ),
    "P18": (
        """select l.parent.id, t.id, t.textValue, t.ns from ImageAnnotationLink l join l.child t
        where l.parent.id in (:ids) and t.class = TagAnnotation""",
        {"ids": [1, 2, 3]},
        [[1, 3, "tumour", "tags"]],
    ),
    "P19": (
        """select r.image.id, count(r.id) from Roi r where r.image.id in (:ids)
        group by r.image.id""",
        {"ids": [1, 2, 3]},
        [[1, 2], [2, 1]],
    ),
    "P21": (
        """select l.parent.id, count(distinct l.child.id) from DatasetImageLink l
        where l.parent.id in (:ids) group by l.parent.id""",
        {"ids": [1, 2, 3]},
        [[1, 3], [2, 1]],
    ),
    "P22": (
        """select l.parent.id, count(distinct l.child.id) from ProjectDatasetLink l
        where l.parent.id in (:ids) group by l.parent.id""",
        {"ids": [1]},
        [[1, 2]],
    ),
    "P23": (
        """select distinct l.parent.id from ImageAnnotationLink l join l.child a
        join a.mapValue mv where mv.name = :name and mv.value = :value""",
        {"name": "stain", "value": "H&E"},
        [[1], [2]],
    ),
    "P24": (
        """select i.id from Image i where i.id in (select l.parent.id from ImageAnnotationLink l
        join l.child a join a.mapValue mv where mv.name = :name and mv.value = :value)
        and i.id in (select l2.parent.id from ImageAnnotationLink l2 join l2.child a2
        join a2.mapValue mv2 where mv2.name = :name2 and mv2.value = :value2) order by i.id""",
        {"name": "stain", "value": "H&E", "name2": "stain", "value2": "DAPI"},
        [[2]],
    ),
    "P25": (
        """select i.id, px.physicalSizeX.value, px.physicalSizeX.unit from Image i
        join i.pixels px where px.physicalSizeX.value <= :max and px.sizeZ > 1 order by i.id""",
        {"max": 1.0},
        [[1, 0.2, "MICROMETER"]],
    ),
    "P26": (
        """select distinct px.image.id from Pixels px join px.channels c join c.logicalChannel lc
        join lc.mode m where m.value in (:modes)""",
        {"modes": [CONFOCAL]},
        [[1]],
    ),
    "P27": (
        "select i.id from Image i join i.format f where f.value in (:formats) order by i.id",
        {"formats": ["TIFF"]},
        [[2], [3], [5]],
    ),
    "P28": (
        """select i.id from Image i join i.objectiveSettings os join os.objective o
        where o.nominalMagnification >= :mag order by i.id""",
        {"mag": 40},
        [[1]],
    ),
    "P29": (
        """select i.id, i.acquisitionDate from Image i where i.acquisitionDate >= :from
        and i.acquisitionDate < :to order by i.acquisitionDate desc, i.id""",
        {"from": RTime(100), "to": RTime(300)},
        [[4, 200], [1, 100]],
    ),
    "P30": (
        """select i.id, i.name from Image i where lower(i.name) like :pattern
        order by lower(i.name), i.id""",
        {"pattern": "%r%"},
        [[4, "Ärger"]],
    ),
    "P31": (
        """select count(distinct i.id) from Image i join i.datasetLinks dl
        where dl.parent.id in (:ids)""",
        {"ids": [1, 2]},
        [[4]],
    ),
    "P32": (
        "select i.id, i.name from Image i where i.id > :after order by i.id",
        {"after": 4},
        [[5, "lost"], [6, "own"], [8, "public"]],
    ),
    "P33": (
        """select l.child.id, d.id, d.name, p.id, p.name from DatasetImageLink l join l.parent d
        left outer join d.projectLinks pl left outer join pl.parent p where l.child.id in (:ids)""",
        {"ids": [4]},
        [[4, 2, "QABCD002CD", 1, "QABCD"]],
    ),
    "P34": (
        """select i.id, fs.id, fs.templatePrefix, e.clientPath, f.id, f.name, f.path, f.size,
        f.hash, f.mimetype from Image i join i.fileset fs join fs.usedFiles e
        join e.originalFile f where i.id in (:ids)""",
        {"ids": [1, 2]},
        [[1, 1, "ann_2/", "/x/a.czi", 1, "a.czi", "ann_2/", 2**40, "ff", "image/czi"]],
    ),
    "P35": (
        """select l.parent.id, pl.id, pl.name, pl.rows, pl.columns from ScreenPlateLink l
        join l.child pl where l.parent.id in (:ids) order by pl.id""",
        {"ids": [1]},
        [[1, 1, "plate", 8, 12]],
    ),
    "P36": (
        """select w.plate.id, w.id, w.row, w.column, ws.id, ws.image.id from Well w
        left outer join w.wellSamples ws where w.plate.id in (:ids)
        order by w.plate.id, w.row, w.column""",
        {"ids": [1]},
        [[1, 1, 0, 1, 1, 1], [1, 2, 1, 0, None, None]],
    ),
    "P37": (
        """select e.id, e.omeName, e.firstName, e.lastName, e.institution from Experimenter e
        where e.id in (:ids)""",
        {"ids": [4]},
        [[4, "eve", "Eve", "Test", None]],
    ),
    "P38": (
        "select g.id, g.name, g.description from ExperimenterGroup g where g.id in (:ids)",
        {"ids": [4]},
        [[4, "closed", None]],
    ),
    "P39": (
        """select p.id, x.entityType, x.entityId, x.uuid, x.lsid from Project p
        join p.details.externalInfo x where x.entityType = :type and x.uuid in (:uuids)""",
        {"type": "openbis", "uuids": ["2024-1"]},
        [[1, "openbis", 7, "2024-1", None]],
    ),
    "P40": (
        (
            "select new map(p.id as id, p as p_details_permissions) from Project p where"
            " p.id in (:ids)"
        ),
        {"ids": [1]},
        [
            [
                {
                    "id": 1,
                    "p_details_permissions": {
                        "perm": "rwr---",
                        "canEdit": True,
                        "canAnnotate": True,
                        "canDelete": True,
                        "canLink": True,
                        "canChgrp": True,
                        "canChown": False,
                    },
                }
            ]
        ],
    ),
    "P41": (
        """select i.id, ue.time from Image i join i.details.updateEvent ue where ue.time > :since
        order by ue.time, i.id""",
        {"since": RTime(1000)},
        [[1, 2000], [3, 3000]],
    ),
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_catalogue_answers_with_the_rows_that_are_there(desk: Desk, name: str) -> None:
    hql, params, expected = CATALOGUE[name]
    answer = desk.ask(hql, **params)
    if "order by" not in hql:
        answer.sort(key=str)
    assert answer == expected


ENTITY_QUERIES = [
    """select distinct i from Image i join fetch i.details.owner
    left outer join fetch i.details.externalInfo left outer join fetch i.pixels px
    left outer join fetch px.pixelsType where i.id in (:ids)""",
    """select distinct px from Pixels px join fetch px.channels c join fetch c.logicalChannel lc
    left outer join fetch lc.mode left outer join fetch c.statsInfo where px.image.id in (:ids)""",
    "select distinct r from Roi r left outer join fetch r.shapes where r.image.id in (:ids)",
    "from ProjectDatasetLink as c where c.child.id in (:ids)",
]


@pytest.mark.parametrize("hql", ENTITY_QUERIES)
def test_queries_for_objects_are_read_but_no_projections(desk: Desk, hql: str) -> None:
    with pytest.raises(StoreQueryError, match="cannot return whole"):
        desk.ask(hql, ids=[1])
