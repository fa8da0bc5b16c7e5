"""The built-in content of the embedded installation: three studies, their people, their links.

`build_world` is deterministic: the same seed gives the same world, and what is where (codes, ids of
samples, datasets and images, counts, irregularities) does not depend on the seed at all, only the
values do. The embedded servers load the result; tests use it as their double. What is wrong in it
on purpose stands in `irregularities.py`.
"""

from __future__ import annotations

from random import Random

from backends.demo.accounts import add_omero_accounts, add_openbis_accounts
from backends.demo.masterdata import add_masterdata
from backends.demo.studies.hcc import add_hcc
from backends.demo.studies.rup2 import add_rup2
from backends.demo.studies.seed import add_seed
from backends.demo.studies.synthetic import add_synthetic
from backends.demo.world import World


def build_world(seed: int = 1) -> World:
    """Build the embedded installation's content on both sides, with its links."""
    world = World()
    add_masterdata(world.openbis)
    add_openbis_accounts(world.openbis)
    add_omero_accounts(world.omero)
    add_seed(world)
    # each study draws from a generator of its own, so that one may change without the others
    for name, add in (("rup2", add_rup2), ("synthetic", add_synthetic), ("hcc", add_hcc)):
        add(world, Random(f"{seed}:{name}"))  # noqa: S311 - repeatable, not secret
    return world
