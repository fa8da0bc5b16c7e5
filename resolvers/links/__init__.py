"""Everything that is done with links: reading, commands, discovery, audit and repair.

The functions that others call are named here; each module says what it is about.
"""

from resolvers.links.audit import LinkAudit, audit, finding_id
from resolvers.links.commands import Outcome, link, move, unlink
from resolvers.links.discover import Ambiguity, Discovered, Proposal, discover
from resolvers.links.ends import Pair
from resolvers.links.reading import get, of_omero, of_openbis, search
from resolvers.links.rebuild import Difference, Rebuilt, rebuild
from resolvers.links.remarks import Code, Remark
from resolvers.links.repair import Repaired, repair

__all__ = [
    "Ambiguity",
    "Code",
    "Difference",
    "Discovered",
    "LinkAudit",
    "Outcome",
    "Pair",
    "Proposal",
    "Rebuilt",
    "Remark",
    "Repaired",
    "audit",
    "discover",
    "finding_id",
    "get",
    "link",
    "move",
    "of_omero",
    "of_openbis",
    "rebuild",
    "repair",
    "search",
    "unlink",
]
