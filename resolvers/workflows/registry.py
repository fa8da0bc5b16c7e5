"""All workflows that there are; a new one is added to this tuple, and the kill matrix finds it."""

from __future__ import annotations

from typing import Final

from resolvers.workflows.annotate_images import ANNOTATE_IMAGES
from resolvers.workflows.create_project import CREATE_PROJECT
from resolvers.workflows.definition import Workflow
from resolvers.workflows.delete_project import DELETE_PROJECT
from resolvers.workflows.delete_sample import DELETE_SAMPLE
from resolvers.workflows.register_design import REGISTER_DESIGN
from resolvers.workflows.register_images import REGISTER_IMAGES
from resolvers.workflows.register_omics import REGISTER_OMICS
from resolvers.workflows.update_project import UPDATE_PROJECT
from resolvers.workflows.update_sample import UPDATE_SAMPLE

WORKFLOWS: Final[tuple[Workflow, ...]] = (
    CREATE_PROJECT,
    UPDATE_PROJECT,
    UPDATE_SAMPLE,
    DELETE_PROJECT,
    DELETE_SAMPLE,
    REGISTER_DESIGN,
    REGISTER_IMAGES,
    REGISTER_OMICS,
    ANNOTATE_IMAGES,
)
