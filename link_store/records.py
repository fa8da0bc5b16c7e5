"""The frozen records that the link store returns, and the few words it takes.

Plain Python values only: no table class and no SQL type leaves the store. Times are timezone-aware
UTC. Resolvers and the schema read these; `store.py` fills them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec


class LinkKind(StrEnum):
    """What is linked: project with project, or sample with dataset."""

    PROJECT = "PROJECT"
    SAMPLE = "SAMPLE"


class LinkState(StrEnum):
    """Where a link stands; every state but RETIRED is live."""

    RESERVED = "RESERVED"  # a registration is under way: the ends are spoken for
    ACTIVE = "ACTIVE"
    BROKEN = "BROKEN"  # an audit found one end gone
    RETIRED = "RETIRED"  # over for good, kept for history


LIVE_STATES = (LinkState.RESERVED, LinkState.ACTIVE, LinkState.BROKEN)


class LinkChange(StrEnum):
    """What happened to a link, one per entry of its history."""

    RESERVED = "RESERVED"
    LINKED = "LINKED"
    ACTIVATED = "ACTIVATED"
    MOVED = "MOVED"
    BROKEN = "BROKEN"
    RETIRED = "RETIRED"


class Evidence(StrEnum):
    """Why a link is believed to be right."""

    DECLARED = "DECLARED"  # a person said so
    REGISTERED = "REGISTERED"  # omnibis created both ends
    NAME = "NAME"  # OMERO name = openBIS code
    Q_OMERO_IDS = "Q_OMERO_IDS"  # OMERO ids in an imaging run's property
    OMERO_IDS = "OMERO_IDS"  # OMERO ids in the sample's own property
    COMMENT_URL = "COMMENT_URL"  # a comment in OMERO holds the openBIS address
    MAP_ANNOTATION = "MAP_ANNOTATION"  # key-values in OMERO hold the permId
    LINK_DATASET = "LINK_DATASET"  # an openBIS LINK data set points to OMERO


class LinkRef(NamedTuple):
    """The identity of a link; ids are counted per kind. Also its position in a page."""

    kind: LinkKind
    id: int


class ProjectLinkRecord(msgspec.Struct, frozen=True, gc=False):
    """One openBIS project ↔ one OMERO project."""

    id: int
    openbis_instance: str
    openbis_perm_id: str
    omero_instance: str
    omero_id: int
    state: LinkState
    evidence: str
    revision: int
    author: str
    created_at: datetime
    updated_at: datetime

    @property
    def ref(self) -> LinkRef:
        """The link's identity."""
        return LinkRef(LinkKind.PROJECT, self.id)


class SampleLinkRecord(msgspec.Struct, frozen=True, gc=False):
    """One openBIS sample ↔ one OMERO dataset, below the link of the sample's project."""

    id: int
    openbis_instance: str
    openbis_perm_id: str
    omero_instance: str
    omero_id: int
    state: LinkState
    evidence: str
    revision: int
    author: str
    created_at: datetime
    updated_at: datetime
    project_link_id: int
    project_perm_id: str

    @property
    def ref(self) -> LinkRef:
        """The link's identity."""
        return LinkRef(LinkKind.SAMPLE, self.id)


LinkRecord = ProjectLinkRecord | SampleLinkRecord


class LinkEventRecord(msgspec.Struct, frozen=True, gc=False):
    """One entry of a link's history; `id` grows over all links, `details` is a JSON object."""

    id: int
    link: LinkRef
    change: LinkChange
    old_state: LinkState | None  # none when the link was made
    new_state: LinkState
    revision: int  # of the link, after the change
    author: str
    at: datetime
    details: str


@dataclass(frozen=True, slots=True)
class LinkPage:
    """Links in order with the key of each, whether more lie beyond, and the total if asked for."""

    items: tuple[LinkRecord, ...]
    keys: tuple[LinkRef, ...]
    has_more: bool
    total: int | None = None


@dataclass(frozen=True, slots=True)
class NewSampleLink:
    """A sample link to be made; `project_perm_id` is the openBIS project the sample is in."""

    openbis_perm_id: str
    project_perm_id: str
    omero_id: int
