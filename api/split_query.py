"""A split as the query string of an export's address, and back; the command line says it so, too.

?split=train:0.8,validation:0.1,test:0.1&salt=2026&stratifyBy=Q_GENDER&together=POOLED_SAMPLE
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from resolvers.cohorts.splits import USUAL_TOGETHER, Bond, Part, SplitPlan, checked
from resolvers.errors import BadInput

NOTHING: Final = "NOTHING"  # what `together` says when it is empty
_ADVICE: Final = "Give the parts as `train:0.8,validation:0.1,test:0.1`."


def plan_query(plan: SplitPlan) -> str:
    """Return the query string of a plan."""
    query = {"split": ",".join(f"{part.name}:{part.fraction!r}" for part in plan.parts)}
    if plan.salt:
        query["salt"] = plan.salt
    if plan.stratify_by is not None:
        query["stratifyBy"] = plan.stratify_by
    if set(plan.together) != set(USUAL_TOGETHER):
        query["together"] = ",".join(sorted(set(plan.together))) or NOTHING
    return urlencode(query, safe=":,")


def read_plan(query: Mapping[str, str]) -> SplitPlan | None:
    """Read a plan from a query string's values; None where it has none.

    Raises:
        BadInput: it is not a plan, or one that makes no sense.
    """
    parts = query.get("split")
    if parts is None:
        if named := sorted(query.keys() & {"salt", "stratifyBy", "together"}):
            raise BadInput(f"`{named[0]}` goes with `split`. {_ADVICE}")
        return None
    together = query.get("together")
    return checked(
        SplitPlan(
            parts=read_parts(parts.split(",")),
            salt=query.get("salt", ""),
            stratify_by=query.get("stratifyBy"),
            together=USUAL_TOGETHER if together is None else read_bonds(together.split(",")),
        )
    )


def read_parts(texts: Sequence[str]) -> tuple[Part, ...]:
    """Read parts from `name:fraction` each.

    Raises:
        BadInput: one of them is something else.
    """
    parts = []
    for text in texts:
        name, _, fraction = text.rpartition(":")
        try:
            parts.append(Part(name.strip(), float(fraction)))
        except ValueError:
            raise BadInput(_ADVICE) from None
    return tuple(parts)


def read_bonds(texts: Sequence[str]) -> tuple[Bond, ...]:
    """Read what keeps subjects together.

    Raises:
        BadInput: there is no such bond.
    """
    if list(texts) == [NOTHING]:
        return ()
    try:
        return tuple(Bond(text.strip().upper()) for text in texts)
    except ValueError:
        raise BadInput(f"`together` takes {', '.join(Bond)}, or {NOTHING}.") from None
