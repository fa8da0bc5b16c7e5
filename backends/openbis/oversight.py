"""Whether a person sees all that an openBIS holds: only then does what is not seen not exist.

openBIS leaves out silently what a person may not see. A role on the whole instance hides nothing;
one that a person has by a group is not told to everybody, so a no means no more than "not known".
`client.py` asks.
"""

from __future__ import annotations

from typing import Any, Final

from backends.openbis.decode import Decoder

ME: Final = [{"@type": "as.dto.person.id.Me"}]
FETCH: Final = {
    "@type": "as.dto.person.fetchoptions.PersonFetchOptions",
    "roleAssignments": {"@type": "as.dto.roleassignment.fetchoptions.RoleAssignmentFetchOptions"},
}
SEEING: Final = frozenset({"ADMIN", "ETL_SERVER", "OBSERVER"})


def read(result: Any) -> bool:
    """Whether a person has a role on the instance that shows everything."""
    decoder = Decoder(result)
    roles = [
        role
        for _, person in decoder.pairs(result)
        for role in decoder.beans(person.get("roleAssignments"))
    ]
    return any(role.get("roleLevel") == "INSTANCE" and role.get("role") in SEEING for role in roles)
