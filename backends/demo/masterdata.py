"""Property types and entity types of the embedded openBIS: QBiC's model as far as studies use it.

Types and their properties follow the published model; what an installation has added to it is
marked. `UNKNOWN`, `RAW_DATA`, `$NAME` and `NOTES` are what every openBIS is delivered with. The
built-in studies rely on this, and the sheet loader extends it by the properties of its mapping.
"""

from __future__ import annotations

from backends.demo.vocabularies import vocabularies
from backends.demo.world import EntityType, OpenbisContent, PropertyType

_TEXT, _LONG, _XML = "VARCHAR", "MULTILINE_VARCHAR", "XML"

# code → label, description, data type or the vocabulary of a controlled one
_PROPERTIES: dict[str, tuple[str, str, str]] = {
    "$NAME": ("Name", "Name", _TEXT),
    "NOTES": ("Notes", "Notes", _LONG),
    "Q_SECONDARY_NAME": ("Secondary name", "Name given by the submitter", _TEXT),
    "Q_EXTERNALDB_ID": ("External id", "Identifier in an external data base", _TEXT),
    "Q_ADDITIONAL_INFO": ("Additional information", "Anything else worth telling", _LONG),
    "Q_PROPERTIES": ("Properties", "Factors and properties of this sample", _XML),
    "Q_NOTES": ("Notes", "Dated notes", _XML),
    "Q_LOCI": ("Gene loci", "Gene loci of interest", _XML),
    "Q_NCBI_ORGANISM": ("Organism", "Species by NCBI taxonomy id", "Q_NCBI_TAXONOMY"),
    "Q_ORGANISM_DETAILED": ("Detailed organism", "Strain, line or ecotype", _TEXT),
    "Q_GENDER": ("Gender", "Gender of the person", "Q_GENDERS"),
    "Q_AGE_AT_DIAGNOSIS": ("Age at diagnosis", "In years", "INTEGER"),  # added here
    "Q_DIAGNOSIS": ("Diagnosis", "Main diagnosis by ICD-10", "Q_DIAGNOSES"),  # added here
    "Q_PRIMARY_TISSUE": ("Primary tissue", "Tissue or body region", "Q_PRIMARY_TISSUES"),
    "Q_TISSUE_DETAILED": ("Detailed tissue", "Tissue in the submitter's words", _TEXT),
    "Q_TISSUE_LOCATION": ("Tissue location", "Where in the organ", _TEXT),
    "Q_CREATION_TIME": ("Creation time", "When the material was taken", "TIMESTAMP"),
    "Q_TIMEPOINT": ("Time point", "Visit within the study", _TEXT),  # added to samples here
    "Q_HISTOLOGY": ("Histology", "Histological finding", _TEXT),
    "Q_DIGNITY": ("Dignity", "Dignity of the tissue", "Q_DIGNITIES"),
    "Q_IS_METASTASIS": ("Metastasis", "Whether the tumour is a metastasis", "BOOLEAN"),
    "Q_TUMOR_STAGE": ("Tumour stage", "Stage of the primary tumour", "Q_TUMOR_STAGES"),
    "Q_TUMOR_TYPE": ("Tumour type", "Type of the tumour", "Q_TUMOR_TYPES"),
    "Q_SAMPLE_TYPE": ("Analyte", "What was extracted", "Q_SAMPLE_TYPES"),
    "Q_RNA_INTEGRITY_NUMBER": ("RNA integrity number", "From 1 to 10", "REAL"),
    "Q_OMERO_IDS": ("OMERO ids", "OMERO identifiers for linking images", _LONG),
    "OMERO_IDS": ("OMERO ids", "OMERO ids or addresses, comma separated", _TEXT),  # added here
    "OMERO_ID_TYPE": ("OMERO id type", "What the ids point to", "OMERO_ID_TYPES"),  # added here
    "Q_EXPERIMENTAL_SETUP": ("Experimental setup", "Design of the project", _XML),
    "Q_CURRENT_STATUS": ("Status", "Progress of the experiment", "Q_CURRENT_STATUS"),
    "Q_IS_PILOT": ("Pilot", "Whether this is a pilot experiment", "BOOLEAN"),
    "Q_BMI_MODALITY": ("Modality", "Imaging modality", "Q_BMI_MODALITIES"),
    "Q_INSTRUMENT_USER": ("Instrument user", "Who operated the instrument", _TEXT),
    "Q_MEASUREMENT_FINISH_DATE": ("Measured", "When the measurement ended", "TIMESTAMP"),
    "Q_SEQUENCING_MODE": ("Sequencing mode", "Paired or single end", "Q_SEQUENCING_MODES"),
    "Q_SEQUENCING_TYPE": ("Sequencing type", "What is sequenced", "Q_SEQUENCING_TYPES"),
    "Q_SEQUENCER_DEVICE": ("Sequencer", "Device", "Q_SEQUENCER_DEVICES"),
    "Q_MEASUREMENT_METHOD": ("Method", "NMR experiment", _TEXT),  # added here
    "Q_READS_COUNT": ("Reads", "Number of read pairs", "INTEGER"),
    "Q_FILE_PROPERTIES": ("File properties", "Names and check sums", _LONG),
    "Q_IMAGED_TISSUE": ("Imaged tissue", "Tissue in the image", _TEXT),
    "Q_ATTACHMENT_TYPE": ("Attachment type", "Kind of attachment", _TEXT),
}

_SAMPLE, _EXPERIMENT, _DATA_SET = "SAMPLE", "EXPERIMENT", "DATA_SET"
_RUN = ("Q_SECONDARY_NAME", "Q_EXTERNALDB_ID", "Q_ADDITIONAL_INFO", "Q_NOTES")
_DESIGN = ("Q_SECONDARY_NAME", "Q_EXPERIMENTAL_SETUP", "Q_CURRENT_STATUS", "Q_IS_PILOT")
_MEASUREMENT = ("Q_SECONDARY_NAME", "Q_CURRENT_STATUS", "Q_IS_PILOT", "Q_ADDITIONAL_INFO")
_RAW_DATA = ("Q_SECONDARY_NAME", "Q_READS_COUNT", "Q_FILE_PROPERTIES", "Q_ADDITIONAL_INFO")

# kind, code → description, properties
_TYPES: dict[tuple[str, str], tuple[str, tuple[str, ...]]] = {
    (_SAMPLE, "UNKNOWN"): ("Unknown", ("$NAME", "NOTES")),
    (_SAMPLE, "Q_BIOLOGICAL_ENTITY"): (
        "A patient, animal or plant",
        (
            "Q_SECONDARY_NAME",
            "Q_NCBI_ORGANISM",
            "Q_ORGANISM_DETAILED",
            "Q_GENDER",
            "Q_AGE_AT_DIAGNOSIS",
            "Q_DIAGNOSIS",
            "Q_EXTERNALDB_ID",
            "Q_PROPERTIES",
            "Q_ADDITIONAL_INFO",
            "Q_NOTES",
            "Q_LOCI",
        ),
    ),
    (_SAMPLE, "Q_BIOLOGICAL_SAMPLE"): (
        "Material or body region of an entity",
        (
            "Q_SECONDARY_NAME",
            "Q_PRIMARY_TISSUE",
            "Q_TISSUE_DETAILED",
            "Q_TISSUE_LOCATION",
            "Q_TIMEPOINT",
            "Q_CREATION_TIME",
            "Q_HISTOLOGY",
            "Q_DIGNITY",
            "Q_IS_METASTASIS",
            "Q_TUMOR_STAGE",
            "Q_TUMOR_TYPE",
            "Q_EXTERNALDB_ID",
            "Q_PROPERTIES",
            "Q_ADDITIONAL_INFO",
            "Q_NOTES",
            "Q_LOCI",
            "OMERO_IDS",
            "OMERO_ID_TYPE",
        ),
    ),
    (_SAMPLE, "Q_TEST_SAMPLE"): (
        "An extract",
        (
            "Q_SECONDARY_NAME",
            "Q_SAMPLE_TYPE",
            "Q_RNA_INTEGRITY_NUMBER",
            "Q_EXTERNALDB_ID",
            "Q_PROPERTIES",
            "Q_ADDITIONAL_INFO",
            "Q_NOTES",
            "Q_LOCI",
        ),
    ),
    (_SAMPLE, "Q_NGS_SINGLE_SAMPLE_RUN"): ("A sequencing run of one sample", _RUN),
    (_SAMPLE, "Q_NMR_SAMPLE_RUN"): ("An NMR run of one sample", _RUN),
    (_SAMPLE, "Q_BMI_GENERIC_IMAGING_RUN"): ("An imaging run", (*_RUN, "Q_OMERO_IDS")),
    (_SAMPLE, "Q_ATTACHMENT_SAMPLE"): (
        "Holds a project's attachments",
        ("Q_ADDITIONAL_INFO", "Q_NOTES"),
    ),
    (_EXPERIMENT, "UNKNOWN"): ("Unknown", ("$NAME", "NOTES")),
    (_EXPERIMENT, "Q_PROJECT_DETAILS"): (
        "Design of a project",
        ("Q_SECONDARY_NAME", "Q_EXPERIMENTAL_SETUP"),
    ),
    (_EXPERIMENT, "Q_EXPERIMENTAL_DESIGN"): ("Holds the entities", _DESIGN),
    (_EXPERIMENT, "Q_SAMPLE_EXTRACTION"): ("Holds the biological samples", _DESIGN),
    (_EXPERIMENT, "Q_SAMPLE_PREPARATION"): ("Holds the extracts", _DESIGN),
    (_EXPERIMENT, "Q_NGS_MEASUREMENT"): (
        "Sequencing",
        (*_MEASUREMENT, "Q_SEQUENCING_MODE", "Q_SEQUENCING_TYPE", "Q_SEQUENCER_DEVICE"),
    ),
    (_EXPERIMENT, "Q_NMR_MEASUREMENT"): (
        "Nuclear magnetic resonance spectroscopy",
        (*_MEASUREMENT, "Q_MEASUREMENT_METHOD"),
    ),
    (_EXPERIMENT, "Q_BMI_GENERIC_IMAGING"): (
        "Imaging",
        (
            *_MEASUREMENT,
            "Q_BMI_MODALITY",
            "Q_NOTES",
            "Q_EXTERNALDB_ID",
            "Q_INSTRUMENT_USER",
            "Q_MEASUREMENT_FINISH_DATE",
        ),
    ),
    (_DATA_SET, "UNKNOWN"): ("Unknown", ("$NAME", "NOTES")),
    (_DATA_SET, "RAW_DATA"): ("Raw data", ("$NAME", "NOTES")),
    # the sequencing type is an addition: it tells a genome from a transcriptome on the data itself
    (_DATA_SET, "Q_NGS_RAW_DATA"): ("Reads", (*_RAW_DATA, "Q_SEQUENCING_TYPE")),
    (_DATA_SET, "Q_NMR_RAW_DATA"): (
        "Spectra",
        ("Q_SECONDARY_NAME", "Q_FILE_PROPERTIES", "Q_ADDITIONAL_INFO"),
    ),
    (_DATA_SET, "Q_MA_RAW_DATA"): (
        "Microarray data",
        ("Q_SECONDARY_NAME", "Q_EXTERNALDB_ID", "Q_ADDITIONAL_INFO"),
    ),
    (_DATA_SET, "Q_BMI_IMAGING_DATA"): (
        "Images that lie elsewhere",
        ("Q_SECONDARY_NAME", "Q_TIMEPOINT", "Q_IMAGED_TISSUE", "Q_ADDITIONAL_INFO"),
    ),
    (_DATA_SET, "Q_PROJECT_DATA"): (
        "Attachment",
        ("Q_SECONDARY_NAME", "Q_ATTACHMENT_TYPE", "Q_ADDITIONAL_INFO"),
    ),
}


def add_masterdata(content: OpenbisContent) -> None:
    """Add every vocabulary, property type and entity type."""
    known = vocabularies()
    content.vocabularies += known
    controlled = {vocabulary.code for vocabulary in known}
    for code, (label, description, kind) in _PROPERTIES.items():
        vocabulary = kind if kind in controlled else None
        data_type = "CONTROLLEDVOCABULARY" if vocabulary else kind
        content.property_types.append(PropertyType(code, label, description, data_type, vocabulary))
    content.entity_types += [
        EntityType(kind, code, description, list(properties))
        for (kind, code), (description, properties) in _TYPES.items()
    ]
