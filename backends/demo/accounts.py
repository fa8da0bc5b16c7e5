"""Who may log in to the embedded installation, on either side, and what they may see.

The same five people are known to both systems under the same name, with rights that differ on
purpose, so that the demonstration shows what federation does with rights. All passwords are public:
an embedded installation is for trying out and for tests. `root` and `guest` cannot log in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from backends.demo.registration import epoch_milliseconds
from backends.demo.world import OmeroContent, OpenbisContent, Person, Role, Space

DEMO_PASSWORD = "demo"  # noqa: S105 - public: nothing but invented data lies behind it
OPENBIS_ADMIN_PASSWORD = "admin"  # noqa: S105 - what pybis' own test suite logs in with

FOUNDED = epoch_milliseconds(datetime(2015, 3, 2, 8, tzinfo=UTC))

SYSTEM_GROUP, USER_GROUP, GUEST_GROUP = 0, 1, 2
ROOT, GUEST = 0, 1
READ_ONLY, PRIVATE = "rwr---", "rw----"

SPACES = {
    "DEFAULT": "The space every installation starts with",
    "PLANT_BIOLOGY": "Plant physiology and photomorphogenesis",
    "CLINICAL": "Clinical studies",
    "HEPATOLOGY": "Liver cancer trials",
}
GROUPS = {
    "plant-biology": "Images of space PLANT_BIOLOGY",
    "clinical": "Images of space CLINICAL",
    "hepatology": "Images of space HEPATOLOGY",
    "genomics": "Works with sequences, has no images",
}


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    first_name: str
    last_name: str
    roles: tuple[Role, ...]
    groups: tuple[str, ...]  # the first is the default group


_SPACE_USER = "USER"
_MEMBERS = (
    _Member("steward", "Dana", "Stewart", (Role("INSTANCE", "ADMIN"),), tuple(GROUPS)[:3]),
    _Member(
        "plant",
        "Paula",
        "Lantigua",
        (Role("SPACE", _SPACE_USER, "PLANT_BIOLOGY"),),
        ("plant-biology",),
    ),
    _Member(
        "oncology",
        "Otto",
        "Neumann",
        (Role("SPACE", _SPACE_USER, "CLINICAL"), Role("SPACE", _SPACE_USER, "HEPATOLOGY")),
        ("clinical", "hepatology"),
    ),
    _Member(
        "genomics",
        "Gina",
        "Moreau",
        (Role("SPACE", _SPACE_USER, "CLINICAL"), Role("SPACE", _SPACE_USER, "HEPATOLOGY")),
        ("genomics",),
    ),
    _Member("microscopy", "Mika", "Ropponen", (), tuple(GROUPS)[:3]),
)


def add_openbis_accounts(content: OpenbisContent) -> None:
    """Add the spaces and the persons with their roles."""
    content.spaces += [
        Space(code, description, FOUNDED, "admin") for code, description in SPACES.items()
    ]
    content.persons.append(
        Person(
            "admin",
            "System",
            "Administrator",
            "admin@openbis.example",
            OPENBIS_ADMIN_PASSWORD,
            [Role("INSTANCE", "ADMIN")],
        )
    )
    content.persons += [
        Person(
            member.name,
            member.first_name,
            member.last_name,
            f"{member.name}@lab.example",
            DEMO_PASSWORD,
            list(member.roles),
        )
        for member in _MEMBERS
    ]


def add_omero_accounts(content: OmeroContent) -> None:
    """Add groups, users and memberships; a user's first membership is the default group."""
    _add_group(content, SYSTEM_GROUP, "system", "Administrators", PRIVATE)
    _add_group(content, USER_GROUP, "user", "Everybody", "rwr-r-")
    _add_group(content, GUEST_GROUP, "guest", "Guests", PRIVATE)
    groups = {}
    for name, description in GROUPS.items():
        groups[name] = content.add(
            "ExperimenterGroup",
            name=name,
            description=description,
            ldap=False,
            **{"details.permissions": READ_ONLY},
        )
    _add_user(content, ROOT, "root", ("root", "root"), [(SYSTEM_GROUP, True), (USER_GROUP, False)])
    _add_user(content, GUEST, "guest", ("Guest", "Account"), [(GUEST_GROUP, False)])
    for number, member in enumerate(_MEMBERS, start=GUEST + 1):
        administrator = any(role.level == "INSTANCE" for role in member.roles)
        memberships = [(groups[name], administrator) for name in member.groups]
        memberships += [(SYSTEM_GROUP, False)] if administrator else []
        memberships.append((USER_GROUP, False))
        person = (member.first_name, member.last_name)
        _add_user(content, number, member.name, person, memberships)
        content.passwords[member.name] = DEMO_PASSWORD


def _add_group(
    content: OmeroContent, number: int, name: str, description: str, permissions: str
) -> None:
    content.put(
        "ExperimenterGroup",
        number,
        name=name,
        description=description,
        ldap=False,
        **{"details.permissions": permissions},
    )


def _add_user(
    content: OmeroContent,
    number: int,
    name: str,
    person: tuple[str, str],
    memberships: list[tuple[int, bool]],
) -> None:
    content.put(
        "Experimenter",
        number,
        omeName=name,
        firstName=person[0],
        lastName=person[1],
        institution="University of Example",
        email=f"{name}@lab.example",
        ldap=False,
    )
    for group, owner in memberships:
        content.add("GroupExperimenterMap", parent=group, child=number, owner=owner)


def omero_user(content: OmeroContent, name: str) -> int:
    """Return the id of an OMERO user."""
    return _id_by(content, "Experimenter", "omeName", name)


def omero_group(content: OmeroContent, name: str) -> int:
    """Return the id of an OMERO group."""
    return _id_by(content, "ExperimenterGroup", "name", name)


def _id_by(content: OmeroContent, entity: str, key: str, value: str) -> int:
    for row in content.rows.get(entity, ()):
        if row[key] == value:
            return int(row["id"])
    raise LookupError(f"no {entity} is called {value}")
