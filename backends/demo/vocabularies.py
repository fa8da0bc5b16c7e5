"""The controlled vocabularies of the embedded openBIS, after QBiC's.

Codes are QBiC's where its published model names them (taxonomy, tissues, analytes, modalities);
labels are what a server of theirs shows. The vocabularies on tumours, sequencing and diagnoses are
this installation's own, because the published dump does not hold them. `masterdata.py` reads this.
"""

from __future__ import annotations

from backends.demo.world import Term, Vocabulary

_TERMS: dict[str, tuple[str, dict[str, str]]] = {
    "Q_NCBI_TAXONOMY": (
        "Species by NCBI taxonomy id",
        {
            "0": "Other",
            "9606": "Homo sapiens",
            "10090": "Mus musculus",
            "10116": "Rattus norvegicus",
            "3702": "Arabidopsis thaliana",
            "4097": "Nicotiana tabacum",
            "4100": "Nicotiana benthamiana",
            "4932": "Saccharomyces cerevisiae",
            "562": "Escherichia coli",
            "7227": "Drosophila melanogaster",
            "7955": "Danio rerio",
        },
    ),
    "Q_PRIMARY_TISSUES": (
        "Tissues and body regions",
        {
            "ABDOMEN": "Abdomen",
            "BILE": "Bile",
            "BLOOD_PLASMA": "Blood plasma",
            "BLOOD_SERUM": "Blood serum",
            "BONE_MARROW": "Bone marrow",
            "BRAIN": "Brain",
            "CELL_LINE": "Cell line",
            "COLON": "Colon",
            "EPIDERMIS": "Epidermis",
            "FLOWER": "Flower",
            "HEART": "Heart",
            "HEPATOCYTE": "Hepatocyte",
            "KIDNEY": "Kidney",
            "LEAF": "Leaf",
            "LIVER": "Liver",
            "LUNG": "Lung",
            "LYMPH_NODE": "Lymph node",
            "MUSCLE": "Muscle",
            "OTHER": "Other",
            "PANCREAS": "Pancreas",
            "PBMC": "Peripheral blood mononuclear cells",
            "ROOT": "Root",
            "SEEDLING": "Seedling",
            "SKIN": "Skin",
            "SPLEEN": "Spleen",
            "TUMOR_TISSUE": "Tumour tissue",
            "URINE": "Urine",
            "WHOLE_BLOOD": "Whole blood",
            "WHOLE_ORGANISM": "Whole organism",
        },
    ),
    "Q_SAMPLE_TYPES": (
        "Analytes",
        {
            "CARBOHYDRATES": "Carbohydrates",
            "CELL_LYSATE": "Cell lysate",
            "CF_DNA": "Cell-free DNA",
            "DNA": "DNA",
            "GLYCANS": "Glycans",
            "GLYCOPEPTIDES": "Glycopeptides",
            "LIPIDS": "Lipids",
            "M_RNA": "mRNA",
            "PEPTIDES": "Peptides",
            "PHOSPHOLIPIDS": "Phospholipids",
            "PHOSPHOPEPTIDES": "Phosphopeptides",
            "PHOSPHOPROTEINS": "Phosphoproteins",
            "PROTEINS": "Proteins",
            "RNA": "RNA",
            "R_RNA": "rRNA",
            "SMALLMOLECULES": "Small molecules",
        },
    ),
    "Q_BMI_MODALITIES": (
        "Imaging modalities",
        {
            "CT-BIOPSY": "CT-guided biopsy",
            "CT-PERFUSION": "CT perfusion",
            "MR": "Magnetic resonance imaging",
            "MR-ELASTOGRAPHY": "MR elastography",
            "MR-PET": "Combined MR and PET",
            "NCIT_C16809": "Magnetic Resonance Imaging",
            "NCIT_C17204": "Computed Tomography",
            "NCIT_C17753": "Confocal Microscopy",
            "NCIT_C23011": "H&E Staining Method",
            "PET": "Positron emission tomography",
            "US-ELASTOGRAPHY": "Ultrasound elastography",
        },
    ),
    "Q_CURRENT_STATUS": (
        "Progress of an experiment",
        {"STARTED": "Started", "FINISHED": "Finished", "ABORTED": "Aborted"},
    ),
    "Q_GENDERS": (
        "Gender of a person",
        {"FEMALE": "female", "MALE": "male", "OTHER": "other", "UNKNOWN": "unknown"},
    ),
    "Q_DIGNITIES": (
        "Dignity of a tissue",
        {"BENIGN": "Benign", "MALIGNANT": "Malignant", "UNCERTAIN": "Uncertain"},
    ),
    "Q_TUMOR_STAGES": (
        "Primary tumour stage (TNM)",
        {"T1": "T1", "T2": "T2", "T3": "T3", "T4": "T4"},
    ),
    "Q_TUMOR_TYPES": (
        "Tumours of the liver",
        {
            "HCC": "Hepatocellular carcinoma",
            "ICC": "Intrahepatic cholangiocarcinoma",
            "CRLM": "Colorectal liver metastasis",
        },
    ),
    "Q_DIAGNOSES": (
        "Diagnoses by ICD-10",
        {
            "C22.0": "Liver cell carcinoma",
            "C22.1": "Intrahepatic bile duct carcinoma",
            "C78.7": "Secondary malignant neoplasm of liver",
        },
    ),
    "Q_SEQUENCING_TYPES": (
        "What is sequenced",
        {
            "WHOLE_GENOME": "Whole-genome sequencing",
            "WHOLE_EXOME": "Whole-exome sequencing",
            "RNA_SEQ": "RNA sequencing",
        },
    ),
    "Q_SEQUENCING_MODES": (
        "How fragments are read",
        {"PAIRED_END": "Paired end", "SINGLE_END": "Single end"},
    ),
    "Q_SEQUENCER_DEVICES": (
        "Sequencers",
        {
            "ILLUMINA_HISEQ_2500": "Illumina HiSeq 2500",
            "ILLUMINA_NOVASEQ_6000": "Illumina NovaSeq 6000",
        },
    ),
    "OMERO_ID_TYPES": ("What OMERO_IDS point to", {"DATASET": "Dataset", "IMAGES": "Images"}),
}


def vocabularies() -> list[Vocabulary]:
    """Return every vocabulary with its terms in order."""
    return [
        Vocabulary(code, description, [Term(term, label) for term, label in terms.items()])
        for code, (description, terms) in _TERMS.items()
    ]
