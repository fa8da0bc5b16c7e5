"""All workflows that there are; a new one is added to this tuple, and the kill matrix finds it."""

from __future__ import annotations

from typing import Final

from resolvers.workflows.create_project import CREATE_PROJECT
from resolvers.workflows.definition import Workflow
from resolvers.workflows.register_design import REGISTER_DESIGN

WORKFLOWS: Final[tuple[Workflow, ...]] = (CREATE_PROJECT, REGISTER_DESIGN)
