"""What is wrong in the built-in studies, on purpose: a federation is judged by its bad days.

Codes and names do not depend on the seed. OMERO ids are to be looked up by them.

| irregularity                                      | where                                        |
|---------------------------------------------------|----------------------------------------------|
| sample without link: never imaged                 | `LEAVES_WITHOUT_IMAGES` (QRUP2),             |
|                                                   | `FOLLOW_UPS_WITHOUT_IMAGES` (QHCC0 patients) |
| second OMERO dataset of the same name, not linked | `DATASET_WITH_DUPLICATE_NAME` (QRUP2)        |
| link whose OMERO dataset was deleted              | `LEAF_WITH_DELETED_DATASET` (QRUP2)          |
| OMERO dataset named by a sample, but not linked   | `FOLLOW_UP_NOT_LINKED` (QHCC0 patient)       |
| image without pixels: its import broke off        | `IMAGE_WITHOUT_PIXELS` (QRUP2)               |
| image without acquisition date (pseudonymised CT) | `CT_WITHOUT_DATE_PATIENT` (QCLIN)            |
| image in two datasets                             | `PATIENT_WITH_SHARED_IMAGE` (QHCC0): its     |
|                                                   | biopsy's CT is in its baseline dataset, too  |
| OMERO ids in openBIS, in the historic spellings   | QHCC0, see `backends.demo.studies.hcc`       |
"""

from __future__ import annotations

LEAVES_WITHOUT_IMAGES = ("QRUP2012A0", "QRUP2024AN")
LEAF_WITH_DELETED_DATASET = "QRUP2019AM"
DATASET_WITH_DUPLICATE_NAME = "QRUP2005AH"
IMAGE_WITHOUT_PIXELS = "QRUP2008A7_RUP1-GFP_NLS-mCherry_04.lsm"
CT_WITHOUT_DATE_PATIENT = 57
FOLLOW_UPS_WITHOUT_IMAGES = (6, 14)
FOLLOW_UP_NOT_LINKED = 11
PATIENT_WITH_SHARED_IMAGE = 3
