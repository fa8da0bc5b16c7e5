"""What the audit is told about both systems, and what it says: the records of `reconcile.py`.

The facts are the least that the comparison needs, so that a resolver can fetch them for a whole
installation. Plain values only, no behaviour.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from link_store.records import LinkKind, LinkRecord, LinkRef


@dataclass(frozen=True, slots=True)
class OpenbisProjectFact:
    """A project that openBIS holds."""

    perm_id: str
    code: str


@dataclass(frozen=True, slots=True)
class OpenbisSampleFact:
    """A sample that openBIS holds; one that belongs to its space only has no project."""

    perm_id: str
    code: str
    project_perm_id: str | None


@dataclass(frozen=True, slots=True)
class OmeroProjectFact:
    """A project that OMERO holds, with the permId its `omnibis/link` annotation says, if any."""

    omero_id: int
    name: str
    annotated_perm_id: str | None = None
    outdated: bool = False  # the annotation names the right object, but not as it is called now


@dataclass(frozen=True, slots=True)
class OmeroDatasetFact:
    """A dataset that OMERO holds, the projects it lies in, and the permId it is annotated with."""

    omero_id: int
    name: str
    project_ids: tuple[int, ...]
    annotated_perm_id: str | None = None
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """Both systems' contents and the links between them.

    A side is complete when nothing of it is hidden from whoever fetched the facts. From an
    incomplete side nobody can conclude that something is gone, or that a name occurs only once.
    """

    projects: tuple[OpenbisProjectFact, ...] = ()
    samples: tuple[OpenbisSampleFact, ...] = ()
    image_projects: tuple[OmeroProjectFact, ...] = ()
    image_datasets: tuple[OmeroDatasetFact, ...] = ()
    links: tuple[LinkRecord, ...] = ()
    openbis_complete: bool = True
    omero_complete: bool = True


class FindingKind(StrEnum):
    """What can be wrong between the two systems; `reconcile.py` defines each."""

    ORPHANED_IN_OPENBIS = "ORPHANED_IN_OPENBIS"
    ORPHANED_IN_OMERO = "ORPHANED_IN_OMERO"
    CROSS_PROJECT = "CROSS_PROJECT"
    AMBIGUOUS_NAME = "AMBIGUOUS_NAME"
    UNLINKED_CANDIDATE = "UNLINKED_CANDIDATE"
    ANNOTATION_DRIFT = "ANNOTATION_DRIFT"
    STUCK_RESERVATION = "STUCK_RESERVATION"


class Repair(StrEnum):
    """What sets a finding right."""

    LINK = "LINK"  # make the link that is proposed
    LINK_BY_HAND = "LINK_BY_HAND"  # a person says which of several it is
    MARK_BROKEN = "MARK_BROKEN"  # note that an end is gone; somebody decides later
    RETIRE_LINK = "RETIRE_LINK"
    MOVE_LINK = "MOVE_LINK"  # put the sample link below the link of the sample's project
    MOVE_DATASET = "MOVE_DATASET"  # put the dataset into the linked OMERO project
    WRITE_ANNOTATION = "WRITE_ANNOTATION"  # write what the link says into OMERO
    REMOVE_ANNOTATION = "REMOVE_ANNOTATION"
    RESUME_OR_RETIRE = "RESUME_OR_RETIRE"  # resume the registration, or give its link up


@dataclass(frozen=True, slots=True, order=True)
class LinkFinding:
    """One thing that is wrong, in a sentence, with the name of its repair and all it concerns."""

    kind: FindingKind
    link_kind: LinkKind
    openbis_perm_ids: tuple[str, ...]
    omero_ids: tuple[int, ...]
    repair: Repair
    sentence: str
    link: LinkRef | None = None
