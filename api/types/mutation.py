"""`Mutation`, the root of everything that changes something; each subject is a file of its own.

A subject's mutations are a class in `api/types/<noun>_commands.py`, from which the root inherits.
"""

from __future__ import annotations

import strawberry

from api.types.cohort_commands import CohortCommands
from api.types.design_commands import DesignCommands
from api.types.image_commands import ImageCommands
from api.types.link_commands import LinkCommands
from api.types.omics_commands import OmicsCommands
from api.types.operation_commands import OperationCommands
from api.types.registration_commands import RegistrationCommands
from api.types.session_commands import SessionCommands


@strawberry.type(description="What changes something.")
class Mutation(
    RegistrationCommands,
    DesignCommands,
    ImageCommands,
    OmicsCommands,
    OperationCommands,
    LinkCommands,
    CohortCommands,
    SessionCommands,
):
    """The root of all mutations."""
