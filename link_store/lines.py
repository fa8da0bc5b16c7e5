"""The lines of an export: one JSON object per link, its history inside, after one head line.

Two kinds of link line are read. A whole one, as `LinkStore.export_lines` writes it, has an id, a
revision, times and a history, and comes back exactly as it was. A brief one, as people or scripts
write it, names the two ends (and the sample's project) and becomes a new link. Here is only the
form of a line; what stands in its way in the database is looked for by `import_check.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from link_store.reading import possible_id, possible_perm_id
from link_store.records import (
    Evidence,
    LinkChange,
    LinkEventRecord,
    LinkKind,
    LinkRecord,
    LinkState,
    SampleLinkRecord,
)

FORMAT = "omnibis-links/1"
_WHOLE = ("id", "revision", "author", "created_at", "updated_at")


class FaultCode(StrEnum):
    """What is wrong with a line."""

    BAD_LINE = "BAD_LINE"  # no JSON, a value missing, unknown or impossible, half a pair
    DUPLICATE = "DUPLICATE"  # names what an earlier line names
    LINK_CONFLICT = "LINK_CONFLICT"  # an end stands in another live link of the database
    NO_PROJECT_LINK = "NO_PROJECT_LINK"  # a sample whose project is linked nowhere
    WRONG_INSTANCE = "WRONG_INSTANCE"  # the file is about other systems
    CUT_SHORT = "CUT_SHORT"  # the head promises more lines


@dataclass(frozen=True, slots=True)
class LineFault:
    """What is wrong with one line, counted from 1, and what to do; other codes may be added."""

    line: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import found and did. Nothing is written where there is a fault, or on a dry run."""

    lines: int
    project_links: int  # new ones
    sample_links: int
    events: int
    unchanged: int  # links that were there already, exactly so
    faults: tuple[LineFault, ...]
    written: bool


class _Line(BaseModel):
    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=False
    )


class HeadLine(_Line):
    """The first line: where the links come from and how many there are."""

    format: Literal["omnibis-links/1"]
    openbis_instance: str
    omero_instance: str
    link_revision: int
    project_links: int
    sample_links: int
    exported_at: AwareDatetime


class EventLine(_Line):
    """One entry of a link's history, inside the link's line."""

    id: int
    change: LinkChange
    old_state: LinkState | None
    new_state: LinkState
    revision: int
    author: str
    at: AwareDatetime
    details: dict[str, Any]


class LinkLine(_Line):
    """One link, whole or brief."""

    kind: LinkKind
    openbis_perm_id: str
    omero_id: int
    project_perm_id: str | None = None
    state: LinkState = LinkState.ACTIVE
    evidence: str = Evidence.DECLARED
    details: dict[str, Any] | None = None
    id: int | None = None
    project_link_id: int | None = None
    revision: int | None = None
    author: str | None = None
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    history: tuple[EventLine, ...] | None = None

    @property
    def live(self) -> bool:
        """Whether the link counts for the rule of one live link per end."""
        return self.state is not LinkState.RETIRED

    @property
    def whole(self) -> bool:
        """Whether the line says all about the link, its history included."""
        return self.history is not None

    @model_validator(mode="after")
    def possible(self) -> Self:
        """Refuse what cannot be a link, in words for whoever wrote the line."""
        for perm_id in (self.openbis_perm_id, self.project_perm_id):
            if perm_id is not None and not possible_perm_id(perm_id):
                raise ValueError("a permId is a short, printable text")
        if not possible_id(self.omero_id):
            raise ValueError("omeroId is a positive number")
        for text in (self.evidence, self.author):
            if text is not None and not (text.isprintable() and text.strip()):
                raise ValueError("evidence and author are printable texts")
        sample = self.kind is LinkKind.SAMPLE
        if sample != (self.project_perm_id is not None):
            raise ValueError("a SAMPLE has a projectPermId, and a PROJECT has none")
        if self.history is None:
            self._possibly_brief()
        else:
            self._possibly_whole(self.history)
        return self

    def _possibly_brief(self) -> None:
        more = (*_WHOLE, "project_link_id")
        if any(getattr(self, name) is not None for name in more):
            raise ValueError("id, revision, author and times come with a history only")
        if self.state not in (LinkState.ACTIVE, LinkState.RESERVED):
            raise ValueError("a link without history is ACTIVE or RESERVED")

    def _possibly_whole(self, history: tuple[EventLine, ...]) -> None:
        lacking = [to_camel(name) for name in _WHOLE if getattr(self, name) is None]
        if lacking or self.details is not None:
            raise ValueError(f"with a history, a link has {', '.join(lacking) or 'no details'}")
        if (self.project_link_id is not None) != (self.kind is LinkKind.SAMPLE):
            raise ValueError("with a history, a SAMPLE has a projectLinkId, and a PROJECT has none")
        numbers = (self.id, self.project_link_id, *(event.id for event in history))
        if not all(number is None or possible_id(number) for number in numbers):
            raise ValueError("ids are positive numbers")
        revisions = [event.revision for event in history]
        if revisions != list(range(1, len(history) + 1)) or self.revision != len(history):
            raise ValueError("the history does not tell each revision once, in order")
        states: list[LinkState | None] = [None, *(event.new_state for event in history)]
        if states[:-1] != [event.old_state for event in history] or states[-1] is not self.state:
            raise ValueError("the states of the history do not follow one another")
        if any(not event.author.strip() for event in history):
            raise ValueError("evidence and author are printable texts")


def parse_lines(
    lines: Iterable[bytes],
) -> Iterator[tuple[int, HeadLine | LinkLine | LineFault]]:
    """Read lines, each with its number from 1; blank ones are passed over."""
    for number, line in enumerate(lines, 1):
        text = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
        if text.strip():
            yield number, _parsed(number, text)


def _parsed(number: int, line: bytes) -> HeadLine | LinkLine | LineFault:
    kind = HeadLine if number == 1 and b'"format"' in line else LinkLine
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        told = "; ".join(_told(fault) for fault in error.errors(include_url=False))
        return LineFault(number, FaultCode.BAD_LINE, told)


def _told(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    message = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


def head_line(
    openbis_instance: str, omero_instance: str, revision: int, numbers: Sequence[int], at: datetime
) -> bytes:
    """Write the first line."""
    head = {
        "format": FORMAT,
        "openbisInstance": openbis_instance,
        "omeroInstance": omero_instance,
        "linkRevision": revision,
        "projectLinks": numbers[0],
        "sampleLinks": numbers[1],
        "exportedAt": at,
    }
    return orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE)


def link_line(link: LinkRecord, history: Sequence[LinkEventRecord]) -> bytes:
    """Write a whole link."""
    below = (
        {"projectPermId": link.project_perm_id, "projectLinkId": link.project_link_id}
        if isinstance(link, SampleLinkRecord)
        else {}
    )
    line = {
        "kind": link.ref.kind,
        "openbisPermId": link.openbis_perm_id,
        "omeroId": link.omero_id,
        **below,
        "state": link.state,
        "evidence": link.evidence,
        "id": link.id,
        "revision": link.revision,
        "author": link.author,
        "createdAt": link.created_at,
        "updatedAt": link.updated_at,
        "history": [
            {
                "id": event.id,
                "change": event.change,
                "oldState": event.old_state,
                "newState": event.new_state,
                "revision": event.revision,
                "author": event.author,
                "at": event.at,
                "details": orjson.Fragment(event.details or "{}"),
            }
            for event in history
        ],
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
