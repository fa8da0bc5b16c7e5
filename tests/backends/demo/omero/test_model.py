from __future__ import annotations

from backends.demo.omero.model import Property, omero_model

FACTS = {
    "Project": "name description datasetLinks annotationLinks",
    "Dataset": "name description projectLinks imageLinks annotationLinks",
    "Image": "name description acquisitionDate series archived partial format imagingEnvironment"
    " objectiveSettings instrument stageLabel experiment fileset pixels datasetLinks folderLinks"
    " wellSamples rois annotationLinks",
    "Pixels": "image pixelsType dimensionOrder sizeX sizeY sizeZ sizeC sizeT significantBits"
    " physicalSizeX physicalSizeY physicalSizeZ timeIncrement sha1 methodology channels planeInfo",
    "LogicalChannel": "name fluor emissionWave excitationWave pinHoleSize ndFilter mode"
    " contrastMethod illumination photometricInterpretation detectorSettings lightSourceSettings",
    "Instrument": "microscope detector objective lightSource filter dichroic filterSet otf",
    "ExternalInfo": "entityId entityType lsid uuid",
}


def test_the_model_has_what_the_fact_sheet_lists() -> None:
    for entity, names in FACTS.items():
        for name in names.split():
            assert len(omero_model().entities[entity].find(name)) == 1, f"{entity}.{name}"


def test_quantities_enumerations_references_and_lists_are_told_apart() -> None:
    pixels = omero_model().entities["Pixels"].own
    assert pixels["physicalSizeX"] == Property("physicalSizeX", "quantity", "Length", nullable=True)
    assert pixels["pixelsType"] == Property("pixelsType", "enum", target="PixelsType")
    assert pixels["image"] == Property("image", "reference", target="Image")
    channels = pixels["channels"]
    assert (channels.target, channels.ordered, channels.inverse) == ("Channel", True, "pixels")
    pairs = omero_model().entities["MapAnnotation"].own["mapValue"]
    assert (pairs.type, pairs.ordered) == ("NamedValue", True)


def test_a_hierarchy_shares_a_table_and_its_properties() -> None:
    entities = omero_model().entities
    assert entities["MapAnnotation"].table is entities["Annotation"]
    assert {found.type for found in entities["Annotation"].find("textValue")} == {"string"}
    assert entities["TagAnnotation"].find("ns")
    assert entities["Annotation"].is_abstract
    assert entities["Annotation"].package == "ome.model.annotations"
    assert not entities["Image"].has_class


def test_users_groups_events_and_enumerations_are_global() -> None:
    entities = omero_model().entities
    for name in ("Experimenter", "ExperimenterGroup", "Event", "PixelsType", "EventLog"):
        assert entities[name].is_global
    for name in ("Image", "ImageAnnotationLink", "TagAnnotation", "ExternalInfo"):
        assert not entities[name].is_global


def test_units_have_their_symbols() -> None:
    symbols = omero_model().symbols
    assert (symbols["MICROMETER"], symbols["NANOMETER"], symbols["SECOND"]) == ("µm", "nm", "s")
