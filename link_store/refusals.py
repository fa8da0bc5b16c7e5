"""From the name of the rule that refused a write to the error the caller gets.

The database decides (see the migrations); here its refusal is only put into words. `store.py` adds
the ids that stand in the way where it can find them.
"""

from __future__ import annotations

from sqlalchemy.exc import IntegrityError

from link_store import dialects
from link_store.errors import (
    InvalidLink,
    LinkConflict,
    LinkEnd,
    LinkStoreError,
    StaleRevision,
)

STALE = "the link has changed since you read it: read it again and decide anew"
RETIRED = "a retired link never changes: make a new one"
HAS_SAMPLES = "sample links live below this project link: retire them, too, or first"
HAD_SAMPLES = "sample links stand or stood below this project link: retire it, and link anew"
PROJECT_RETIRED = "the project's link has been retired: link the project first"
TAKEN = {
    LinkEnd.OPENBIS: "this openBIS object already stands in a live link: move or unlink that one",
    LinkEnd.OMERO: "this OMERO object already stands in a live link: move or unlink that one",
}


def refusal(error: IntegrityError) -> LinkStoreError:
    """Say in the store's own words why the database refused a write."""
    name = dialects.violated(error) or ""
    if name.endswith("_live_openbis"):
        return LinkConflict(TAKEN[LinkEnd.OPENBIS], LinkEnd.OPENBIS)
    if name.endswith("_live_omero"):
        return LinkConflict(TAKEN[LinkEnd.OMERO], LinkEnd.OMERO)
    if name == "link_revision" or name.startswith(("uq_link_event", "link_event")):
        return StaleRevision(STALE)
    known: dict[str, LinkStoreError] = {
        "link_retired": InvalidLink(RETIRED),
        "project_link_has_samples": LinkConflict(HAS_SAMPLES, LinkEnd.SAMPLE_LINKS),
        "sample_link_project_retired": LinkConflict(PROJECT_RETIRED, LinkEnd.PROJECT_LINK),
        "foreign_key": LinkConflict(HAD_SAMPLES, LinkEnd.SAMPLE_LINKS),
        "fk_sample_link_project_link": LinkConflict(HAD_SAMPLES, LinkEnd.SAMPLE_LINKS),
    }
    return known.get(name, InvalidLink("the link database does not take such a link"))
