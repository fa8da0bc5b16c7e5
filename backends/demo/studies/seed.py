"""What every openBIS is delivered with: /DEFAULT/DEFAULT/DEFAULT and a sample in it.

pybis' own test suite and first steps in any tutorial expect it. It has no images and no links.
"""

from __future__ import annotations

from datetime import UTC, datetime

from backends.demo.registration import Registration
from backends.demo.world import World


def add_seed(world: World) -> None:
    """Add the default project, experiment and sample."""
    registration = Registration(
        world.openbis,
        space="DEFAULT",
        code="DEFAULT",
        description="Default project",
        registrator="admin",
        started=datetime(2015, 3, 2, 8, 30, tzinfo=UTC),
    )
    experiment = registration.experiment("UNKNOWN", {"$NAME": "Default"}, code="DEFAULT")
    registration.sample("UNKNOWN", experiment, {"$NAME": "Default"}, code="DEFAULT")
