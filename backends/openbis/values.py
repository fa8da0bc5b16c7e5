"""Single comparisons of the v3 API: a text, a number, a time, a truth value.

Each function makes the JSON of field criteria and knows openBIS' spelling of comparisons; what is
combined with what is decided in `criteria.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from backends.errors import InvalidRequest, Source
from backends.filters import DateMatch, NumberMatch, StringMatch
from backends.openbis.logic import Json

SEARCH = "as.dto.common.search."
REGISTERED = f"{SEARCH}RegistrationDateSearchCriteria"
MODIFIED = f"{SEARCH}ModificationDateSearchCriteria"
PROPERTY_DATE = f"{SEARCH}DatePropertySearchCriteria"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXACT = 2**53  # from here on a number with a point tells no whole number apart


@dataclass(frozen=True, slots=True)
class Attribute:
    """A text that can be compared: the code, the permanent id, or a property.

    Attributes:
        type_name: the class of its criteria.
        plural: the class of criteria that take a list, if there is one.
        field: the property's code.
        upper: whether openBIS keeps it in upper case.
        optional: whether an entity may have none.
    """

    type_name: str
    plural: str | None = None
    field: str | None = None
    upper: bool = False
    optional: bool = False

    def compare(self, comparison: str, value: str) -> Json:
        """One comparison, without wildcards; `comparison` as in `StringEqualToValue`."""
        value = value.upper() if self.upper else value
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = f'"{value}"'  # openBIS takes one pair of quotation marks off
        return self._with({"@type": f"{SEARCH}String{comparison}Value", "value": value})

    def equal(self, value: str) -> Json:
        """Exact equality."""
        return self.compare("EqualTo", value)

    def any(self) -> Json:
        """That there is a value."""
        return self._with({"@type": f"{SEARCH}AnyStringValue"})

    def _with(self, value: Json) -> Json:
        named = {} if self.field is None else {"fieldName": self.field, "fieldType": "PROPERTY"}
        return {"@type": self.type_name, **named, "fieldValue": value, "useWildcards": False}


CODE = Attribute(f"{SEARCH}CodeSearchCriteria", f"{SEARCH}CodesSearchCriteria", upper=True)
PERM_ID = Attribute(f"{SEARCH}PermIdSearchCriteria")

ANY_CODE = CODE.any()
# Matches nothing, for no code holds a blank: openBIS has no other word for it.
NO_CODE = CODE.equal("NO SUCH CODE")


def property_string(code: str) -> Attribute:
    """A property compared as text; openBIS adapts to its declared type."""
    return Attribute(f"{SEARCH}StringPropertySearchCriteria", field=code, optional=True)


def texts(match: StringMatch, attribute: Attribute) -> list[Json]:
    """The comparisons of a match that need no group."""
    result: list[Json] = []
    if match.eq is not None:
        result.append(attribute.equal(match.eq))
    if match.contains is not None:
        result.append(attribute.compare("Contains", match.contains))
    if match.starts_with is not None:
        result.append(attribute.compare("StartsWith", match.starts_with))
    if match.one_of and attribute.plural is not None:
        values = [each.upper() if attribute.upper else each for each in match.one_of]
        result.append({"@type": attribute.plural, "fieldValue": values})
    return result


def numbers(code: str, match: NumberMatch | None) -> list[Json]:
    """Comparisons of a property as number."""
    if match is None:
        return []
    low, high = match.between or (None, None)
    bounds = (
        ("EqualTo", match.eq),
        ("LessThan", match.lt),
        ("LessThanOrEqualTo", match.le),
        ("GreaterThan", match.gt),
        ("GreaterThanOrEqualTo", match.ge),
        ("GreaterThanOrEqualTo", low),
        ("LessThanOrEqualTo", high),
    )
    return [
        {
            "@type": f"{SEARCH}NumberPropertySearchCriteria",
            "fieldName": code,
            "fieldType": "PROPERTY",
            "fieldValue": {"@type": f"{SEARCH}Number{comparison}Value", "value": _number(value)},
        }
        for comparison, value in bounds
        if value is not None
    ]


def _number(value: float) -> float:
    if not math.isfinite(value):
        raise InvalidRequest(Source.OPENBIS, "A number to compare with must be finite.")
    whole = float(value).is_integer() and abs(value) < EXACT
    return int(value) if whole else value


def property_boolean(code: str, *, value: bool) -> Json:
    """A property compared as truth value, which stands bare, unlike the others."""
    return {
        "@type": f"{SEARCH}BooleanPropertySearchCriteria",
        "fieldName": code,
        "fieldType": "PROPERTY",
        "fieldValue": value,
    }


def dates(type_name: str, match: DateMatch | None, code: str | None = None) -> list[Json]:
    """Comparisons of an attribute or, given its code, a property as time."""
    if match is None:
        return []
    bounds = (("LaterThanOrEqualTo", match.since), ("EarlierThan", match.before))
    return [
        date(type_name, comparison, milliseconds(value), code)
        for comparison, value in bounds
        if value is not None
    ]


def date(type_name: str, comparison: str, epoch: int, code: str | None = None) -> Json:
    """One comparison with a time in epoch milliseconds."""
    named = {} if code is None else {"fieldName": code, "fieldType": "PROPERTY"}
    value = {"@type": f"{SEARCH}DateObject{comparison}Value", "value": epoch}
    return {"@type": type_name, **named, "fieldValue": value}


def milliseconds(value: datetime) -> int:
    """Epoch milliseconds, rounded up: what openBIS compares with has no finer grain."""
    if value.tzinfo is None:
        raise InvalidRequest(Source.OPENBIS, "A time to compare with needs its time zone.")
    return -((EPOCH - value) // timedelta(milliseconds=1))
