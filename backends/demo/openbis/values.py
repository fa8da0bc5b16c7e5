"""How the embedded openBIS compares one value: strings, numbers, dates, booleans.

Each function turns the `fieldValue` of a criterion into a test of one value. The rules are the
server's: equality heeds case unless wildcards are on and present, the other text kinds ignore it;
a date without a time compares whole days; a string criterion on a typed property compares as that
type. Which entity's which value is tested is decided in `criteria.py`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from backends.demo.openbis.errors import ServerFailure, UserFailure

Test = Callable[[Any], bool]

_STRING_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "StringLessThanValue": operator.lt,
    "StringLessThanOrEqualToValue": operator.le,
    "StringGreaterThanValue": operator.gt,
    "StringGreaterThanOrEqualToValue": operator.ge,
}
_NUMBER_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "NumberEqualToValue": operator.eq,
    "NumberLessThanValue": operator.lt,
    "NumberLessThanOrEqualToValue": operator.le,
    "NumberGreaterThanValue": operator.gt,
    "NumberGreaterThanOrEqualToValue": operator.ge,
}
_DATE_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "EqualToValue": operator.eq,
    "EarlierThanValue": operator.lt,
    "EarlierThanOrEqualToValue": operator.le,
    "LaterThanValue": operator.gt,
    "LaterThanOrEqualToValue": operator.ge,
}
_AS_NUMBER = {
    "StringEqualToValue": "NumberEqualToValue",
    **{name: name.replace("String", "Number") for name in _STRING_ORDERS},
}
_AS_DATE = {
    "StringEqualToValue": "DateEqualToValue",
    "StringLessThanValue": "DateEarlierThanValue",
    "StringLessThanOrEqualToValue": "DateEarlierThanOrEqualToValue",
    "StringGreaterThanValue": "DateLaterThanValue",
    "StringGreaterThanOrEqualToValue": "DateLaterThanOrEqualToValue",
}
_LIKE = {
    "StringStartsWithValue": "{}.*",
    "StringEndsWithValue": ".*{}",
    "StringContainsValue": ".*{}.*",
    "StringContainsExactlyValue": ".*{}.*",
}
_DATE_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M")
_DAY = "%Y-%m-%d"
_STORED = re.compile(r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?(?:\.\d+)?)? ?([+-]\d{4}|Z)?")


def short_name(bean: dict[str, Any]) -> str:
    """The class name of a bean without its package."""
    return str(bean.get("@type")).rpartition(".")[2]


def exact_string(value: Any, *, wildcards: bool) -> str | None:
    """The one text that a string criterion can match, or None when it may match several."""
    if not isinstance(value, dict) or short_name(value) != "StringEqualToValue":
        return None
    if value.get("value") is None:
        return None
    text = _unquoted(str(value["value"]))
    return None if wildcards and _has_wildcards(text) else text


def string_test(value: Any, *, wildcards: bool) -> Test:
    """The test of a text; a value without content asks only whether there is one."""
    name = "AnyStringValue" if value is None else short_name(value)
    if name == "AnyStringValue" or value.get("value") is None:
        return lambda text: text is not None
    wanted = _unquoted(str(value["value"]))
    if name == "StringEqualToValue":
        if wildcards and _has_wildcards(wanted):
            return _like(_pattern(wanted, wildcards=True))
        return lambda text: bool(text == wanted)
    if name in _STRING_ORDERS:
        compare = _STRING_ORDERS[name]
        return lambda text: text is not None and compare(text, wanted)
    if name in _LIKE:
        return _like(_LIKE[name].format(_pattern(wanted, wildcards=wildcards)))
    if name == "StringMatchesValue":
        words = wanted.lower().split()
        return lambda text: text is not None and _has_words(text, words)
    raise ServerFailure(f"Unsupported AbstractStringValue type: {name} (Context: [])")


def number_test(value: Any) -> Test:
    """The test of a number, given as number or as text."""
    if value is None:
        return lambda stored: _as_number(stored) is not None
    compare = _NUMBER_ORDERS.get(short_name(value))
    wanted = value.get("value")
    if isinstance(wanted, str):  # Jackson reads a number from text as well, and pybis sends text
        wanted = _as_number(wanted)
    if compare is None or isinstance(wanted, bool) or not isinstance(wanted, int | float):
        raise ServerFailure(f"Unsupported number value: {short_name(value)} (Context: [])")

    def test(stored: Any) -> bool:
        number = _as_number(stored)
        return number is not None and compare(number, wanted)

    return test


def date_test(value: Any, time_zone: Any = None) -> Test:
    """The test of a time, given in epoch milliseconds or as stored text."""
    if value is None:
        return lambda stored: _as_moment(stored) is not None
    name = short_name(value)
    zone = _zone(time_zone)
    if name.startswith("DateObject"):
        compare = _DATE_ORDERS[name.removeprefix("DateObject")]
        wanted = int(value["value"])
        return lambda stored: _compare_moment(stored, compare, wanted)
    compare = _DATE_ORDERS[name.removeprefix("Date")]
    moment, whole_day = _parse_date(str(value.get("value")), zone)
    if not whole_day:
        wanted = _milliseconds(moment)
        return lambda stored: _compare_moment(stored, compare, wanted)
    day = moment.date()

    def test(stored: Any) -> bool:
        milliseconds = _as_moment(stored)
        if milliseconds is None:
            return False
        return compare(datetime.fromtimestamp(milliseconds / 1000, zone).date(), day)

    return test


def boolean_test(value: bool | None) -> Test:
    """The test of a boolean stored as text."""
    if value is None:
        return lambda stored: stored is not None
    return lambda stored: stored is not None and (str(stored).lower() == "true") is value


def typed_string_test(value: Any, data_type: str, *, wildcards: bool, zone: Any = None) -> Test:
    """The test of a property of the given data type by a string criterion."""
    if value is None or short_name(value) == "AnyStringValue" or value.get("value") is None:
        return lambda stored: stored is not None
    name, text = short_name(value), str(value["value"])
    if data_type not in {"INTEGER", "REAL", "TIMESTAMP", "DATE", "BOOLEAN"}:
        return string_test(value, wildcards=wildcards)
    ordered = name in _STRING_ORDERS
    if name in _LIKE or (ordered and data_type == "BOOLEAN"):
        label = name.removeprefix("String").removesuffix("Value")
        raise UserFailure.in_operation(f"Operator {label} undefined for datatype {data_type}.")
    if data_type == "BOOLEAN":
        if text not in {"true", "false"}:
            raise UserFailure.in_operation(f"String does not represent a boolean: [{text}]")
        return boolean_test(text == "true")
    if data_type in {"INTEGER", "REAL"}:
        number = _as_number(text)
        if number is None:
            raise UserFailure.in_operation(f"String does not represent a number: [{text}]")
        return number_test({"@type": _AS_NUMBER[name], "value": number})
    return date_test({"@type": _AS_DATE[name], "value": text}, zone)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def _has_wildcards(text: str) -> bool:
    return "*" in text or "?" in text


def _pattern(text: str, *, wildcards: bool) -> str:
    """The regular expression of a text; backslashes vanish as they do on the server."""
    parts: list[str] = []
    escaped = False
    for character in text:
        if wildcards and escaped:
            parts.append({"%": ".*", "_": "."}.get(character, re.escape(character)))
            escaped = False
        elif character == "\\":
            escaped = True
        else:
            special = {"*": ".*", "?": "."}.get(character) if wildcards else None
            parts.append(special or re.escape(character))
            escaped = False
    return "".join(parts)


def _like(pattern: str) -> Test:
    matches = re.compile(pattern, re.IGNORECASE | re.DOTALL).fullmatch
    return lambda text: text is not None and matches(text) is not None


def _has_words(text: str, words: list[str]) -> bool:
    present = set(re.findall(r"\w+", text.lower()))
    return all(word in present for word in words)


def _as_number(stored: Any) -> float | int | None:
    if isinstance(stored, int | float):
        return stored
    try:
        return int(stored)
    except (TypeError, ValueError):
        try:
            return float(stored)
        except (TypeError, ValueError):
            return None


def _as_moment(stored: Any) -> int | None:
    """Epoch milliseconds of a stored time; text without a zone is taken as UTC."""
    if stored is None or isinstance(stored, int):
        return stored
    found = _STORED.fullmatch(str(stored))
    if found is None:
        return None
    day, minutes, seconds, zone = found.groups()
    offset = "+0000" if zone in {None, "Z"} else zone
    text = f"{day} {minutes or '00:00'}{seconds or ':00'} {offset}"
    return _milliseconds(datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z"))


def _compare_moment(stored: Any, compare: Callable[[Any, Any], bool], wanted: int) -> bool:
    milliseconds = _as_moment(stored)
    return milliseconds is not None and compare(milliseconds, wanted)


def _zone(time_zone: Any) -> timezone:
    hours = time_zone.get("hourOffset") if isinstance(time_zone, dict) else None
    return UTC if hours is None else timezone(timedelta(hours=hours))


def _parse_date(text: str, zone: timezone) -> tuple[datetime, bool]:
    for pattern in _DATE_FORMATS:
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=zone), False
        except ValueError:
            continue
    try:
        return datetime.strptime(text, _DAY).replace(tzinfo=zone), True
    except ValueError:
        raise UserFailure.in_operation(f"String does not represent a date: [{text}]") from None


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
