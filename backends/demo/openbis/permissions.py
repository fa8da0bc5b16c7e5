"""`getRights`: what a person may do with entities, and with such as do not exist yet.

Asked by interfaces before they offer a button. An id of what exists is answered with UPDATE and
DELETE; an identifier that is still free with CREATE, if the person may create there. What the
person does not see, and ids of other kinds, are answered with no rights.
"""

from __future__ import annotations

from typing import Any, Final

from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.ids import key_of_id, name_of_id
from backends.demo.openbis.kinds import NAMES, Kind
from backends.demo.openbis.references import Bean
from backends.demo.openbis.rights import ADMIN, POWER_USER, USER, Rights
from backends.demo.openbis.rows import Experiment, Project, Sample

_KINDS: Final = (Kind.SPACE, Kind.PROJECT, Kind.EXPERIMENT, Kind.SAMPLE, Kind.DATA_SET)
# The least role on the space, and on the project where that differs, as in the writers' own tests.
_UPDATE: Final[dict[Kind, tuple[int, int | None]]] = {
    Kind.SPACE: (ADMIN, None),
    Kind.PROJECT: (POWER_USER, ADMIN),
    Kind.EXPERIMENT: (USER, None),
    Kind.SAMPLE: (USER, None),
    Kind.DATA_SET: (POWER_USER, None),
}
_DELETE: Final[dict[Kind, tuple[int, int | None]]] = {
    **_UPDATE,
    Kind.EXPERIMENT: (POWER_USER, None),
    Kind.SAMPLE: (POWER_USER, None),
}
_PROJECT_PARTS, _EXPERIMENT_PARTS = 2, 3  # /SPACE/PROJECT, /SPACE/PROJECT/EXPERIMENT


def rights_of(catalog: Catalog, rights: Rights, ids: list[Any]) -> dict[str, Bean]:
    """The rights on each id, under its name."""
    answer = {}
    for given in ids:
        kind = _kind_of(given)
        if kind is not None:
            bean = {"@type": "as.dto.rights.Rights", "@id": None}
            answer[name_of_id(kind, given)] = Bean(
                {**bean, "rights": _rights(catalog, rights, kind, given)}
            )
    return answer


def _kind_of(given: Any) -> Kind | None:
    name = str(given.get("@type")) if isinstance(given, dict) else ""
    return next((kind for kind in _KINDS if f".{NAMES[kind].package}.id." in name), None)


def _rights(catalog: Catalog, rights: Rights, kind: Kind, given: dict[str, Any]) -> list[str]:
    key = key_of_id(catalog, kind, given)
    if key is None:
        return ["CREATE"] if _may_create(catalog, rights, kind, given) else []
    row = catalog.table(kind).rows[key]
    if not rights.sees(kind, row):
        return []
    held = (("UPDATE", _UPDATE[kind]), ("DELETE", _DELETE[kind]))
    return [name for name, ranks in held if rights.may(kind, row, *ranks)]


def _may_create(catalog: Catalog, rights: Rights, kind: Kind, given: dict[str, Any]) -> bool:
    parts = str(given.get("identifier") or "").strip("/").split("/")
    if parts[0] not in catalog.spaces.rows:
        return False
    space, code = parts[0], parts[-1]
    if kind is Kind.PROJECT and len(parts) == _PROJECT_PARTS:
        row: Any = Project("", code, space, None, 0, 0, "", "", None)
        return rights.may(kind, row, POWER_USER, 0)
    above = None
    if len(parts) == _EXPERIMENT_PARTS:
        above = catalog.key_of_identifier(Kind.PROJECT, f"/{space}/{parts[1]}")
    if kind is Kind.EXPERIMENT and above is not None:
        return rights.may(kind, Experiment("", code, "", above, {}, 0, 0, "", ""), USER)
    if kind is Kind.SAMPLE:
        sample = Sample("", code, "", space, None, {}, 0, 0, "", "", above)
        return rights.may(kind, sample, USER)
    return False
