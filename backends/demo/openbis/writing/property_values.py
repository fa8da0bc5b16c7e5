"""Values of properties: what each data type takes, and in which form the server keeps it.

Values come as text (or as numbers and booleans, which Jackson turns into text) and are kept as
text. The messages are the server's. Which properties an entity has is decided in `properties.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

from backends.demo.openbis.errors import UserFailure, invalid_parameters
from backends.demo.openbis.kinds import Kind
from backends.demo.openbis.rows import PropertyType
from backends.demo.openbis.writing.work import Work

_BOOLEANS = {"true": "true", "yes": "true", "1": "true"} | {
    "false": "false",
    "no": "false",
    "0": "false",
}
_DAY = "%Y-%m-%d"
_US_DAY = "%m/%d/%y"
_TIMES = (
    "%Y-%m-%dT%H:%M:%S%z",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S %Z%z",
    "%Y-%m-%d %H:%M:%S %z",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    _DAY,
    "%m/%d/%y %I:%M %p",
    "%m/%d/%y %H:%M",
    _US_DAY,
)
_PATTERNS = {
    "TIMESTAMP": (
        "yyyy-MM-dd'T'HH:mm:ssXXX",
        "yyyy-MM-dd'T'HH:mm:ssX",
        "yyyy-MM-dd'T'HH:mm:ss",
        "yyyy-MM-dd'T'HH:mm",
        "yyyy-MM-dd HH:mm:ss 'GMT'Z",
        "yyyy-MM-dd HH:mm:ss Z",
        "yyyy-MM-dd HH:mm:ss",
        "yyyy-MM-dd HH:mm",
        "yyyy-MM-dd",
        "M/d/yy h:mm a",
        "M/d/yy HH:mm",
        "M/d/yy",
    ),
    "DATE": ("yyyy-MM-dd", "M/d/yy"),
}
_PROTOCOLS = ("http://", "https://", "ftp://")
_LONG = range(-(2**63), 2**63)
_SHOWN_TERMS = 10


def stored_value(work: Work, property_type: PropertyType, value: Any) -> str | None:
    """The text to keep for a value, or None when it is empty.

    Raises:
        UserFailure: the data type does not take the value.
    """
    text = _text(value)
    if text is None or not text.strip():
        return None
    if property_type.data_type == "CONTROLLEDVOCABULARY":
        return _term(work, property_type, text)
    if property_type.data_type == "SAMPLE":
        return _sample(work, property_type, text)
    check = _CHECKS.get(property_type.data_type)
    return text if check is None else check(text)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    raise invalid_parameters()


def _term(work: Work, property_type: PropertyType, text: str) -> str:
    terms = work.catalog.terms
    code, vocabulary = text.upper(), property_type.vocabulary or ""
    if f"{code} ({vocabulary})" in terms.rows:
        return code
    known = sorted(
        (terms.rows[key] for key in terms.by("vocabulary", vocabulary)),
        key=lambda term: term.ordinal,
    )
    shown = [term.code for term in known[:_SHOWN_TERMS]]
    if len(known) > _SHOWN_TERMS:
        shown.append(f"... ({len(known) - _SHOWN_TERMS} left)")
    raise UserFailure.in_operation(
        f"Vocabulary value '{code}' of property '{property_type.code}' is not valid. "
        f"It must exist in '{vocabulary}' controlled vocabulary [{', '.join(shown)}]"
    )


def _sample(work: Work, property_type: PropertyType, text: str) -> str:
    samples = work.catalog.samples.rows
    key = (
        work.catalog.key_of_identifier(Kind.SAMPLE, text.upper()) if text.startswith("/") else text
    )
    sample = samples.get(key or "")
    if sample is None or not work.rights.sees(Kind.SAMPLE, sample):
        raise UserFailure.in_operation(f"Unknown sample: {text}")
    if property_type.sample_type not in {None, sample.type}:
        raise UserFailure.in_operation(
            f"Property {property_type.code} is not a sample of type "
            f"{property_type.sample_type} but of type {sample.type}"
        )
    return sample.perm_id


def _boolean(text: str) -> str:
    known = _BOOLEANS.get(text.lower())
    if known is None:
        raise UserFailure.in_operation(
            f"Boolean value '{text}' has improper format. It should be either 'true' or 'false'."
        )
    return known


def _integer(text: str) -> str:
    if not re.fullmatch(r"[+-]?[0-9]+", text) or int(text) not in _LONG:
        raise UserFailure.in_operation(f"Integer value '{text}' has improper format.")
    return str(int(text))


def _real(text: str) -> str:
    try:
        number = float(text.strip())
    except ValueError:
        number = None
    if number is None or "_" in text:
        raise UserFailure.in_operation(f"Double value '{text}' has improper format.")
    shown = repr(number)
    if "e" not in shown:
        return shown
    mantissa, _, exponent = shown.partition("e")  # Java writes 1.0E-5 where Python writes 1e-05
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def _time(text: str) -> str:
    for pattern in _TIMES:
        try:
            moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - a zone is added below
        except ValueError:
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if "-" in text[:5] and text.index("-") != len("2024"):
            break
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} +0000"
    raise _improper_date(text, "TIMESTAMP")


def _day(text: str) -> str:
    for pattern in (_DAY, _US_DAY):
        try:
            return datetime.strptime(text, pattern).replace(tzinfo=UTC).strftime(_DAY)
        except ValueError:
            continue
    raise _improper_date(text, "DATE")


def _improper_date(text: str, data_type: str) -> UserFailure:
    patterns = "\n".join(_PATTERNS[data_type])
    return UserFailure.in_operation(
        f"Date value '{text}' has improper format. It must be one of '[{patterns}]'."
    )


def _hyperlink(text: str) -> str:
    if not text.startswith(_PROTOCOLS):
        raise UserFailure.in_operation(
            f"Hyperlink '{text}' should start with one of the following protocols: "
            f"'{', '.join(_PROTOCOLS)}'"
        )
    return text


def _xml(text: str) -> str:
    try:
        ElementTree.fromstring(text)
    except (ElementTree.ParseError, DefusedXmlException, ValueError):
        raise UserFailure.in_operation("Provided value isn't a well formed XML document.") from None
    return text


_CHECKS: dict[str, Callable[[str], str]] = {
    "BOOLEAN": _boolean,
    "INTEGER": _integer,
    "REAL": _real,
    "TIMESTAMP": _time,
    "DATE": _day,
    "HYPERLINK": _hyperlink,
    "XML": _xml,
}
