"""How installations have written down which image belongs to which sample: the six conventions.

Pure functions from what stands in a system to claims: that a sample, or a project, and an OMERO
object belong together, and why. Nothing is decided here: `discover.py` weighs the claims.

| evidence | where | what |
| --- | --- | --- |
| NAME | OMERO | an image project bears a project's code, a dataset a sample's |
| Q_OMERO_IDS | openBIS | image ids on an imaging run, of its parent: one per line, as a Python |
|   |   | list, or in the free text of Q_ADDITIONAL_INFO |
| OMERO_IDS | openBIS | ids or addresses on the sample, of images or of one dataset |
| COMMENT_URL | OMERO | a comment holds the address of an openBIS object |
| MAP_ANNOTATION | OMERO | key-values name the permId, or the identifier |
| LINK_DATASET | openBIS | a LINK data set names an OMERO object |
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from backends.records import ContentCopyRecord, KeyValueRecord, SampleRecord
from link_store.records import Evidence
from resolvers.links import notes

# How sure each convention makes one; agreeing ones make surer.
CONFIDENCE: Final = {
    Evidence.MAP_ANNOTATION: 0.99,
    Evidence.LINK_DATASET: 0.95,
    Evidence.OMERO_IDS: 0.95,
    Evidence.COMMENT_URL: 0.95,
    Evidence.Q_OMERO_IDS: 0.9,
    Evidence.NAME: 0.8,
}
NEVER_SURER: Final = 0.9999
RUN_IDS: Final = "Q_OMERO_IDS"
FREE_TEXT: Final = "Q_ADDITIONAL_INFO"
_PERM_ID: Final = re.compile(r"(?<!\d)\d{17}-\d+")
_NUMBER: Final = re.compile(r"\d+")
# `Image:12`, `webclient/?show=dataset-3`, `webclient/img_detail/12/`, `iviewer/?images=12,13`
_TYPED: Final = re.compile(
    r"(dataset|image|img_detail)s?[-:/=|]+\s*(\d+(?:\s*,\s*\d+)*)", re.IGNORECASE
)
_MENTION: Final = re.compile(r"\bOMERO\b[^0-9\n]*((?:\d+[\s,;]*)+)", re.IGNORECASE)
_MOST_DIGITS: Final = 18
_SAYS_PERM_ID: Final = re.compile(
    r"(?i)^(openbis[ _-]*)?(sample|project|dataset)?[ _-]*perm[ _-]*id$"
)
_SAYS_IDENTIFIER: Final = re.compile(
    r"(?i)^openbis[ _-]*((sample|project)[ _-]*)?(identifier|id|code)$"
)


@dataclass(frozen=True, slots=True)
class Targets:
    """OMERO objects that a text names."""

    datasets: tuple[int, ...] = ()
    images: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.datasets or self.images)


def combined(evidence: Iterable[Evidence]) -> float:
    """How sure several conventions together make one: all of them would have to be wrong."""
    doubt = 1.0
    for each in set(evidence):
        doubt *= 1 - CONFIDENCE.get(each, 0.0)
    return min(round(1 - doubt, 4), NEVER_SURER)


def run_targets(run: SampleRecord) -> Targets:
    """Images that an imaging run names, in one of the three spellings."""
    text = _value(run, RUN_IDS)
    if text is not None:
        return Targets(images=_numbers(text))
    free = _value(run, FREE_TEXT)
    mention = _MENTION.search(free) if free is not None else None
    return Targets() if mention is None else Targets(images=_numbers(mention.group(1)))


def own_targets(sample: SampleRecord) -> Targets:
    """What a sample's own `OMERO_IDS` name: ids of the kind that `OMERO_ID_TYPE` says."""
    text = _value(sample, notes.IDS_PROPERTY)
    if text is None:
        return Targets()
    typed = targets_in(text)
    if typed:
        return typed
    numbers = _numbers(text)
    of_dataset = (_value(sample, notes.ID_TYPE_PROPERTY) or "").upper() == notes.DATASET
    return Targets(datasets=numbers) if of_dataset else Targets(images=numbers)


def copy_targets(copies: Iterable[ContentCopyRecord]) -> Targets:
    """What a LINK data set's copies in OMERO name; a bare number is an image."""
    datasets: list[int] = []
    images: list[int] = []
    for copy in copies:
        about = " ".join(filter(None, (copy.system_code, copy.system_label, copy.url_template)))
        if "omero" not in about.lower():
            continue
        for text in filter(None, (copy.external_code, copy.path)):
            typed = targets_in(text)
            datasets += typed.datasets
            images += typed.images
            if not typed and text.strip().isdigit():
                images += _numbers(text)
    return Targets(tuple(dict.fromkeys(datasets)), tuple(dict.fromkeys(images)))


def targets_in(text: str) -> Targets:
    """OMERO objects that addresses, or ids with their kind, name."""
    datasets: list[int] = []
    images: list[int] = []
    for kind, numbers in _TYPED.findall(text):
        (datasets if kind.lower() == "dataset" else images).extend(_numbers(numbers))
    return Targets(tuple(dict.fromkeys(datasets)), tuple(dict.fromkeys(images)))


def perm_ids_in(text: str) -> tuple[str, ...]:
    """The permIds that an address in openBIS, or any text, names."""
    return tuple(dict.fromkeys(_PERM_ID.findall(text)))


def annotated(pairs: Iterable[KeyValueRecord], instance: str) -> tuple[str, ...]:
    """The permIds and identifiers that key-values say an OMERO object belongs to.

    Our own annotations count only if they are of this openBIS; those of others, under any
    namespace, by what their keys say.
    """
    found: dict[str, None] = {}
    own = notes.said(pairs)
    for values in own.values():
        if values.get(notes.INSTANCE, instance) == instance and values.get(notes.PERM_ID):
            found[values[notes.PERM_ID]] = None
    for pair in pairs:
        if pair.namespace == notes.NAMESPACE:
            continue
        value = pair.value.strip()
        if _SAYS_PERM_ID.match(pair.key.strip()) and _PERM_ID.fullmatch(value):
            found[value] = None
        elif _SAYS_IDENTIFIER.match(pair.key.strip()) and value:
            found[value.upper() if "/" in value else value] = None
    return tuple(found)


def _numbers(text: str) -> tuple[int, ...]:
    found = _NUMBER.findall(text)
    return tuple(dict.fromkeys(int(each) for each in found if len(each) <= _MOST_DIGITS))


def _value(sample: SampleRecord, code: str) -> str | None:
    for each in sample.properties or ():
        if each.code == code:
            return "\n".join(each.values) or None
    return None
