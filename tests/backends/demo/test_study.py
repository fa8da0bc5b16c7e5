"""The built-in studies against the published proportions, and the integrity of every row."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

from backends.demo import irregularities as odd
from backends.demo.accounts import SYSTEM_GROUP, omero_group, omero_user
from backends.demo.linkage import KEY_PERM_ID, LINK_NAMESPACE
from backends.demo.omero.model import Property, omero_model
from backends.demo.study import build_world
from backends.demo.world import DataSet, Sample, World
from backends.openbis.barcodes import is_barcode


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


def rows(world: World, entity: str) -> list[dict[str, Any]]:
    return world.omero.rows.get(entity, [])


def by_id(world: World, entity: str) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in rows(world, entity)}


def samples_of(world: World, project: str) -> list[Sample]:
    perm_id = next(each.perm_id for each in world.openbis.projects if each.code == project)
    experiments = {each.perm_id for each in world.openbis.experiments if each.project == perm_id}
    return [each for each in world.openbis.samples if each.experiment in experiments]


def data_of(world: World, project: str) -> list[DataSet]:
    known = {each.perm_id for each in samples_of(world, project)}
    return [each for each in world.openbis.data_sets if each.sample in known]


def datasets_of(world: World, project: str) -> dict[int, str]:
    number = next(row["id"] for row in rows(world, "Project") if row["name"] == project)
    inside = {row["child"] for row in rows(world, "ProjectDatasetLink") if row["parent"] == number}
    return {row["id"]: row["name"] for row in rows(world, "Dataset") if row["id"] in inside}


def images_of(world: World, project: str) -> dict[str, list[int]]:
    """Image ids by dataset name; datasets of one name are put together."""
    names = datasets_of(world, project)
    found: dict[str, list[int]] = defaultdict(list)
    for link in rows(world, "DatasetImageLink"):
        if link["parent"] in names:
            found[names[link["parent"]]].append(link["child"])
    return found


def link_target(world: World, code: str) -> int | None:
    perm_ids = {each.perm_id: each.code for each in world.openbis.samples}
    return next(
        (each.omero_id for each in world.sample_links if perm_ids[each.perm_id] == code), None
    )


# --- determinism -------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_world(world: World) -> None:
    assert build_world() == world


def test_another_seed_changes_values_and_no_places(world: World) -> None:
    other = build_world(seed=2)
    assert other != world
    assert [(each.code, each.perm_id) for each in other.openbis.samples] == [
        (each.code, each.perm_id) for each in world.openbis.samples
    ]
    assert [(row["id"], row["name"]) for row in rows(other, "Image")] == [
        (row["id"], row["name"]) for row in rows(world, "Image")
    ]
    assert other.sample_links == world.sample_links


def test_a_world_is_built_quickly() -> None:
    started = time.process_time()
    build_world()
    assert time.process_time() - started < 1.5


# --- counts ------------------------------------------------------------------------------------


def test_synthetic_study_has_the_published_proportions(world: World) -> None:
    kinds = Counter(sample.type for sample in samples_of(world, "QCLIN"))
    assert kinds["Q_BIOLOGICAL_ENTITY"] == 130
    assert kinds["Q_BIOLOGICAL_SAMPLE"] == 390
    assert kinds["Q_TEST_SAMPLE"] == kinds["Q_NGS_SINGLE_SAMPLE_RUN"] == 260
    genomes = [each for each in data_of(world, "QCLIN") if each.type == "Q_NGS_RAW_DATA"]
    assert len(genomes) == 260
    assert {each.properties["Q_SEQUENCING_TYPE"] for each in genomes} == {"WHOLE_GENOME"}
    images = images_of(world, "QCLIN")
    assert len(images) == 390
    assert sum(len(ids) for ids in images.values()) == 2730
    assert Counter(len(ids) for ids in images.values()) == {1: 130, 10: 260}


def test_every_patient_has_one_ct_and_twenty_tiles_and_two_genomes(world: World) -> None:
    samples = {each.perm_id: each for each in samples_of(world, "QCLIN")}
    images = images_of(world, "QCLIN")
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples.values():
        if sample.type == "Q_BIOLOGICAL_SAMPLE":
            kind = sample.properties["Q_TISSUE_DETAILED"]
            tally[sample.parents[0]][kind] += len(images[sample.code])
    for data in data_of(world, "QCLIN"):
        run = samples[data.sample or ""]
        tissue = samples[samples[run.parents[0]].parents[0]]
        assert samples[run.parents[0]].properties["Q_SAMPLE_TYPE"] == "DNA"
        tally[tissue.parents[0]]["genomes"] += 1
    assert len(tally) == 130
    assert all(
        counts == {"abdomen": 1, "healthy liver": 10, "tumour liver": 10, "genomes": 2}
        for counts in tally.values()
    )


def test_tumours_are_described_and_healthy_tissue_is_not(world: World) -> None:
    for sample in samples_of(world, "QCLIN"):
        tumour = sample.properties.get("Q_TISSUE_DETAILED") == "tumour liver"
        for code in ("Q_TUMOR_STAGE", "Q_TUMOR_TYPE", "Q_IS_METASTASIS"):
            assert (code in sample.properties) == tumour


def test_hcc_trial_has_sixteen_patients_and_its_omics(world: World) -> None:
    kinds = Counter(sample.type for sample in samples_of(world, "QHCC0"))
    assert kinds["Q_BIOLOGICAL_ENTITY"] == 16
    data = Counter(
        (each.type, each.properties.get("Q_SEQUENCING_TYPE")) for each in data_of(world, "QHCC0")
    )
    assert data == {
        ("Q_NGS_RAW_DATA", "RNA_SEQ"): 25,
        ("Q_NGS_RAW_DATA", "WHOLE_EXOME"): 41,
        ("Q_NMR_RAW_DATA", None): 32,
        ("Q_BMI_IMAGING_DATA", None): 3,
    }


def test_rup2_is_a_full_factorial_design(world: World) -> None:
    leaves = [each for each in samples_of(world, "QRUP2") if each.type == "Q_BIOLOGICAL_SAMPLE"]
    assert len(leaves) == 24
    combinations = Counter(
        tuple(leaf.properties["Q_SECONDARY_NAME"].split(" ; ")[:2]) for leaf in leaves
    )
    assert len(combinations) == 4
    assert set(combinations.values()) == {6}
    assert sum(len(ids) for ids in images_of(world, "QRUP2").values()) == 21 * 6


# --- codes and designs -------------------------------------------------------------------------


def test_codes_follow_the_rules_of_qbic(world: World) -> None:
    for project in ("QRUP2", "QCLIN", "QHCC0"):
        for sample in samples_of(world, project):
            if sample.type == "Q_BIOLOGICAL_ENTITY":
                assert re.fullmatch(rf"{project}ENTITY-[1-9][0-9]*", sample.code)
            else:
                plain = re.sub(r"^(IMG[1-9]|NGS|NMR)", "", sample.code)
                assert is_barcode(plain)
                assert plain.startswith(project)


def test_perm_ids_are_shaped_as_openbis_shapes_them_and_unique(world: World) -> None:
    content = world.openbis
    ids = [each.perm_id for each in (*content.projects, *content.experiments, *content.samples)]
    ids += [each.code for each in content.data_sets]
    assert all(re.fullmatch(r"[0-9]{17}-[0-9]+", each) for each in ids)
    assert len(set(ids)) == len(ids)
    assert len({each.rsplit("-", 1)[1] for each in ids}) == len(ids)


@pytest.mark.parametrize("project", ["QRUP2", "QCLIN", "QHCC0"])
def test_designs_point_to_samples_of_the_project(world: World, project: str) -> None:
    info = next(each for each in world.openbis.experiments if each.code == f"{project}_INFO")
    assert info.type == "Q_PROJECT_DETAILS"
    setup = fromstring(info.properties["Q_EXPERIMENTAL_SETUP"])
    codes = {sample.code for sample in samples_of(world, project)}
    pointed = {each.text for each in setup.iter("entity_id")}
    pointed |= {each.attrib["entity_id"] for each in setup.iter("qproperty")}
    assert pointed <= codes
    assert len(setup.findall("qfactors/*")) >= 2


def test_the_age_in_the_design_is_the_age_of_the_patient(world: World) -> None:
    info = next(each for each in world.openbis.experiments if each.code == "QCLIN_INFO")
    written = {
        each.attrib["entity_id"]: each.attrib["value"]
        for each in fromstring(info.properties["Q_EXPERIMENTAL_SETUP"]).iter("qproperty")
    }
    patients = {
        each.code: each.properties["Q_AGE_AT_DIAGNOSIS"]
        for each in samples_of(world, "QCLIN")
        if each.type == "Q_BIOLOGICAL_ENTITY"
    }
    assert written == patients


def test_legacy_xml_agrees_with_the_current_design(world: World) -> None:
    legacy = {
        each.code: fromstring(each.properties["Q_PROPERTIES"])
        for each in samples_of(world, "QRUP2")
        if "Q_PROPERTIES" in each.properties
    }
    assert len(legacy) == 6
    info = next(each for each in world.openbis.experiments if each.code == "QRUP2_INFO")
    setup = fromstring(info.properties["Q_EXPERIMENTAL_SETUP"])
    for code, old in legacy.items():
        factors = [*old.iter("qcategorical"), *old.iter("qcontinous")]
        assert len(factors) in {2, 4}
        for factor in factors:
            label, value = factor.attrib["label"], factor.attrib["value"]
            level = setup.find(f"qfactors/*[@label='{label}']/*[@value='{value}']")
            assert level is not None
            assert code in {each.text for each in level}


# --- integrity ---------------------------------------------------------------------------------


def test_openbis_references_lead_somewhere(world: World) -> None:
    content = world.openbis
    people = {each.user_id for each in content.persons}
    spaces = {each.code for each in content.spaces}
    projects = {each.perm_id for each in content.projects}
    experiments = {each.perm_id for each in content.experiments}
    samples = {each.perm_id for each in content.samples}
    types = {(each.kind, each.code): set(each.property_codes) for each in content.entity_types}
    assert {each.space for each in content.projects} <= spaces
    assert {each.project for each in content.experiments} <= projects
    assert {each.experiment for each in content.samples} <= experiments
    assert {each.space for each in content.samples} <= spaces
    assert {parent for each in content.samples for parent in each.parents} <= samples
    assert {each.sample for each in content.data_sets} <= samples
    assert {each.experiment for each in content.data_sets} <= experiments
    systems = {each.code for each in content.external_dms}
    assert {each.external_dms for each in content.data_sets} <= {*systems, None}
    typed = (
        *(("EXPERIMENT", each) for each in content.experiments),
        *(("SAMPLE", each) for each in content.samples),
        *(("DATA_SET", each) for each in content.data_sets),
    )
    for kind, entity in typed:
        assert set(entity.properties) <= types[kind, entity.type]
        assert entity.registrator in people
    scopes = {role.scope for each in content.persons for role in each.roles}
    assert scopes <= {*spaces, None}


def test_openbis_values_are_of_their_data_type(world: World) -> None:
    content = world.openbis
    types = {each.code: each for each in content.property_types}
    terms = {each.code: {term.code for term in each.terms} for each in content.vocabularies}
    assert {code for each in content.entity_types for code in each.property_codes} <= set(types)
    for entity in (*content.experiments, *content.samples, *content.data_sets):
        for code, value in entity.properties.items():
            declared = types[code]
            if declared.data_type == "CONTROLLEDVOCABULARY":
                assert value in terms[declared.vocabulary or ""]
            elif declared.data_type == "INTEGER":
                assert str(int(value)) == value
            elif declared.data_type == "REAL":
                float(value)
            elif declared.data_type == "BOOLEAN":
                assert value in {"true", "false"}
            elif declared.data_type == "TIMESTAMP":
                assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000", value)
            elif declared.data_type == "XML":
                fromstring(value)


def properties_of(entity: str) -> dict[str, Property]:
    described = omero_model().entities[entity]
    found: dict[str, Property] = {}
    current: Any = described
    while current is not None:
        found = {**current.own, **found}
        current = current.superclass
    return found


def assert_rows_fit_the_model(world: World) -> None:
    """Walk every property of every row: known to the model, and leading to a row that is there."""
    model = omero_model()
    ids: dict[str, set[int]] = defaultdict(set)
    for entity, entries in world.omero.rows.items():
        table = ids[model.table_of(entity)]
        assert len(table | {row["id"] for row in entries}) == len(table) + len(entries)
        table |= {row["id"] for row in entries}
    ownership = {
        "details.owner": "Experimenter",
        "details.group": "ExperimenterGroup",
        "details.creationEvent": "Event",
        "details.updateEvent": "Event",
    }
    for entity, entries in world.omero.rows.items():
        known = properties_of(entity)
        required = {
            name
            for name, each in known.items()
            if not each.nullable and each.kind != "collection" and name != "version"
        }
        if entity == "Event":
            required.remove("session")  # sessions do not outlive the server that made these
        owned = not model.entities[entity].is_global
        for row in entries:
            assert not {name for name in required if row.get(name) is None}, entity
            assert owned == (ownership.keys() <= row.keys()), entity
            for name, value in row.items():
                if name in ownership:
                    assert value in ids[ownership[name]]
                elif name not in {"id", "details.permissions"} and value is not None:
                    each = known[name]
                    if each.kind in {"reference", "enum"}:
                        assert value in ids[model.table_of(each.target or "")], (entity, name)
                    elif each.kind == "quantity":
                        assert value[1] in model.symbols


def test_omero_rows_fit_the_model_and_lead_somewhere(world: World) -> None:
    assert_rows_fit_the_model(world)


def test_an_object_and_its_links_are_in_one_group(world: World) -> None:
    images, datasets = by_id(world, "Image"), by_id(world, "Dataset")
    projects = by_id(world, "Project")
    for link in rows(world, "DatasetImageLink"):
        ends = (datasets[link["parent"]], images[link["child"]], link)
        assert len({end["details.group"] for end in ends}) == 1
    for link in rows(world, "ProjectDatasetLink"):
        ends = (projects[link["parent"]], datasets[link["child"]], link)
        assert len({end["details.group"] for end in ends}) == 1


# --- acquisition -------------------------------------------------------------------------------

FACTORS = {"MILLIMETER": 1e-3, "MICROMETER": 1e-6, "NANOMETER": 1e-9}


def test_pixel_sizes_are_plausible_in_their_units(world: World) -> None:
    names = {row["id"]: row["name"] for row in rows(world, "Image")}
    seen: Counter[tuple[str, str]] = Counter()
    for pixels in rows(world, "Pixels"):
        name, (value, unit) = names[pixels["image"]], pixels["physicalSizeX"]
        meters = value * FACTORS[unit]
        suffix = name.rsplit(".", 1)[1]
        seen[suffix, unit] += 1
        low, high = {
            "lsm": (5e-8, 5e-7),
            "tif": (2.5e-7, 5e-7),
            "ndpi": (2e-7, 3e-7),
            "dcm": (5e-4, 4e-3),
        }[suffix]
        assert low <= meters <= high, name
    assert set(seen) == {
        ("lsm", "NANOMETER"),
        ("lsm", "MICROMETER"),
        ("tif", "MICROMETER"),
        ("ndpi", "MICROMETER"),
        ("dcm", "MILLIMETER"),
    }


def test_scans_and_tiles_are_as_described(world: World) -> None:
    images = by_id(world, "Image")
    kinds = {row["id"]: row["value"] for row in rows(world, "PixelsType")}
    group = omero_group(world.omero, "clinical")
    tiles = scans = 0
    for pixels in rows(world, "Pixels"):
        image = images[pixels["image"]]
        if image["details.group"] != group:
            continue
        kind = kinds[pixels["pixelsType"]]
        if pixels["sizeC"] == 3:
            tiles += 1
            assert (kind, pixels["sizeX"], pixels["sizeY"]) == ("uint8", 1000, 1000)
            assert image["objectiveSettings"] is not None
        else:
            scans += 1
            assert (kind, pixels["sizeX"], pixels["sizeY"]) == ("int16", 512, 512)
            assert 50 <= pixels["sizeZ"] <= 400
            assert 1 <= pixels["physicalSizeZ"][0] <= 5
            assert image["objectiveSettings"] is None
    assert (scans, tiles) == (130, 2600)


def test_magnification_and_tile_resolution_agree(world: World) -> None:
    objectives, settings = by_id(world, "Objective"), by_id(world, "ObjectiveSettings")
    images = by_id(world, "Image")
    pairs = set()
    for pixels in rows(world, "Pixels"):
        image = images[pixels["image"]]
        if image["name"].endswith(".tif"):
            objective = objectives[settings[image["objectiveSettings"]]["objective"]]
            pairs.add((objective["nominalMagnification"], pixels["physicalSizeX"]))
    assert pairs == {(20.0, (0.5, "MICROMETER")), (40.0, (0.25, "MICROMETER"))}


def test_confocal_images_have_both_fluorophores(world: World) -> None:
    stacks = {row["id"] for row in rows(world, "Image") if row["name"].endswith(".lsm")}
    pixels = {row["id"] for row in rows(world, "Pixels") if row["image"] in stacks}
    logical = by_id(world, "LogicalChannel")
    described = Counter(
        (each["name"], each["excitationWave"], each["emissionWave"])
        for each in (
            logical[row["logicalChannel"]]
            for row in rows(world, "Channel")
            if row["pixels"] in pixels
        )
    )
    assert described == {
        ("GFP", (488.0, "NANOMETER"), (509.0, "NANOMETER")): 125,
        ("mCherry", (587.0, "NANOMETER"), (610.0, "NANOMETER")): 125,
    }


# --- links and people --------------------------------------------------------------------------


def test_every_project_is_linked_to_its_namesake(world: World) -> None:
    codes = {each.perm_id: each.code for each in world.openbis.projects}
    names = {row["id"]: row["name"] for row in rows(world, "Project")}
    linked = {codes[each.perm_id]: names[each.omero_id] for each in world.project_links}
    assert linked == {"QRUP2": "QRUP2", "QCLIN": "QCLIN", "QHCC0": "QHCC0"}


def test_links_are_one_to_one_and_within_their_project(world: World) -> None:
    assert len({each.perm_id for each in world.sample_links}) == len(world.sample_links)
    assert len({each.omero_id for each in world.sample_links}) == len(world.sample_links)
    experiments = {each.perm_id: each.project for each in world.openbis.experiments}
    samples = {each.perm_id: each for each in world.openbis.samples}
    names = {row["id"]: row["name"] for row in rows(world, "Dataset")}
    for link in world.sample_links:
        sample = samples[link.perm_id]
        assert experiments[sample.experiment or ""] == link.project_perm_id
        if sample.code != odd.LEAF_WITH_DELETED_DATASET:
            assert names[link.omero_id] == sample.code


def test_linked_datasets_say_so_themselves(world: World) -> None:
    maps = {
        row["id"]: dict(row["mapValue"])
        for row in rows(world, "MapAnnotation")
        if row["ns"] == LINK_NAMESPACE
    }
    said = {
        link["parent"]: maps[link["child"]][KEY_PERM_ID]
        for link in rows(world, "DatasetAnnotationLink")
        if link["child"] in maps
    }
    gone = link_target(world, odd.LEAF_WITH_DELETED_DATASET)
    assert said == {
        each.omero_id: each.perm_id for each in world.sample_links if each.omero_id != gone
    }


def test_people_and_their_rights(world: World) -> None:
    content = world.openbis
    roles = {
        each.user_id: {(role.level, role.role, role.scope) for role in each.roles}
        for each in content.persons
    }
    assert roles["steward"] == {("INSTANCE", "ADMIN", None)}
    assert roles["plant"] == {("SPACE", "USER", "PLANT_BIOLOGY")}
    assert {scope for _, _, scope in roles["oncology"]} == {"CLINICAL", "HEPATOLOGY"}
    assert roles["genomics"] == roles["oncology"]
    assert roles["microscopy"] == set()
    groups = {row["id"]: row["name"] for row in rows(world, "ExperimenterGroup")}
    assert [groups[number] for number in (0, 1, 2)] == ["system", "user", "guest"]
    member: dict[int, list[str]] = defaultdict(list)
    for row in rows(world, "GroupExperimenterMap"):
        member[row["child"]].append(groups[row["parent"]])
    images = {"plant-biology", "clinical", "hepatology"}
    users = {name: omero_user(world.omero, name) for name in world.omero.passwords}
    assert set(users) == {"steward", "plant", "oncology", "genomics", "microscopy"}
    assert set(world.omero.passwords.values()) == {"demo"}
    assert groups[SYSTEM_GROUP] in member[users["steward"]]
    assert set(member[users["microscopy"]]) == {*images, "user"}
    assert not images & set(member[users["genomics"]])
    assert set(member[users["oncology"]]) == {"clinical", "hepatology", "user"}
    permissions = {
        row["name"]: row["details.permissions"] for row in rows(world, "ExperimenterGroup")
    }
    assert {permissions[name] for name in images} == {"rwr---"}


# --- irregularities ----------------------------------------------------------------------------


@pytest.mark.parametrize("code", odd.LEAVES_WITHOUT_IMAGES)
def test_some_leaves_were_never_imaged(world: World, code: str) -> None:
    assert code in {each.code for each in samples_of(world, "QRUP2")}
    assert link_target(world, code) is None
    assert code not in datasets_of(world, "QRUP2").values()


def test_one_linked_dataset_was_deleted(world: World) -> None:
    target = link_target(world, odd.LEAF_WITH_DELETED_DATASET)
    assert target is not None
    assert target not in by_id(world, "Dataset")


def test_one_dataset_name_is_there_twice(world: World) -> None:
    counts = Counter(datasets_of(world, "QRUP2").values())
    assert [name for name, count in counts.items() if count > 1] == [
        odd.DATASET_WITH_DUPLICATE_NAME
    ]
    assert link_target(world, odd.DATASET_WITH_DUPLICATE_NAME) is not None


def test_one_image_has_no_pixels(world: World) -> None:
    having = {row["image"] for row in rows(world, "Pixels")}
    without = [row["name"] for row in rows(world, "Image") if row["id"] not in having]
    assert without == [odd.IMAGE_WITHOUT_PIXELS]


def test_one_image_has_no_acquisition_date(world: World) -> None:
    undated = [row["description"] for row in rows(world, "Image") if not row["acquisitionDate"]]
    assert undated == [f"CT of the abdomen, Patient {odd.CT_WITHOUT_DATE_PATIENT:03d}, abdomen"]


def follow_up(world: World, patient: int) -> str:
    wanted = f"HCC patient {patient:02d}, liver, after therapy"
    return next(
        each.code
        for each in samples_of(world, "QHCC0")
        if each.properties.get("Q_SECONDARY_NAME") == wanted
    )


def test_one_image_is_in_two_datasets(world: World) -> None:
    datasets = {row["id"]: row["name"] for row in rows(world, "Dataset")}
    homes: dict[int, set[str]] = defaultdict(set)
    for link in rows(world, "DatasetImageLink"):
        homes[link["child"]].add(datasets[link["parent"]])
    (shared,) = [names for names in homes.values() if len(names) > 1]
    patients = {
        each.properties["Q_SECONDARY_NAME"].split(",")[0]
        for each in samples_of(world, "QHCC0")
        if each.code in shared
    }
    assert patients == {f"HCC patient {odd.PATIENT_WITH_SHARED_IMAGE:02d}"}


def test_one_dataset_waits_to_be_linked_and_two_visits_have_none(world: World) -> None:
    names = set(datasets_of(world, "QHCC0").values())
    waiting = follow_up(world, odd.FOLLOW_UP_NOT_LINKED)
    assert waiting in names
    assert link_target(world, waiting) is None
    for patient in odd.FOLLOW_UPS_WITHOUT_IMAGES:
        assert follow_up(world, patient) not in names
        assert link_target(world, follow_up(world, patient)) is None


def test_omero_ids_on_imaging_runs_are_those_of_the_images(world: World) -> None:
    content = world.openbis
    codes = {each.perm_id: each.code for each in content.samples}
    images = images_of(world, "QHCC0")
    spellings: Counter[str] = Counter()
    for run in samples_of(world, "QHCC0"):
        if run.type != "Q_BMI_GENERIC_IMAGING_RUN":
            continue
        text = run.properties.get("Q_OMERO_IDS") or run.properties.get("Q_ADDITIONAL_INFO")
        spelling = "none" if text is None else re.sub(r"\d+", "", text)[:1].strip() or "lines"
        spellings[spelling] += 1
        if text is not None:
            ids = {int(each) for each in re.findall(r"\d+", text)}
            assert ids <= set(images[codes[run.parents[0]]])
    assert set(spellings) == {"lines", "[", "O", "none"}
    linked = [each for each in content.data_sets if each.external_dms == "OMERO"]
    known = by_id(world, "Image")
    assert [known[int(each.external_code or 0)]["name"].split("_")[1] for each in linked] == [
        "PET"
    ] * 3


def test_some_image_pairs_and_tags_are_shared_by_many(world: World) -> None:
    tags = {row["id"]: row["textValue"] for row in rows(world, "TagAnnotation")}
    used = Counter(
        tags[link["child"]] for link in rows(world, "ImageAnnotationLink") if link["child"] in tags
    )
    assert used["H&E"] == 2600 + 25
    assert 2000 < used["QC passed"] < 3000
    keys = {key for row in rows(world, "MapAnnotation") for key, _ in row["mapValue"]}
    assert {"Stain", "Modality", "Organism", "Antibody", "Tracer"} <= keys
