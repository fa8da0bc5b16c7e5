"""The saved questions: files with a title, whom they are for, and a sentence of explanation.

Each `questions/*.graphql` begins with comments `# title:`, `# for:`, `# about:` (which may go on in
further lines) and, where the operation has any, `# variables:` with JSON in one line. The explorer
lists them, `omnibis demo` prints two, and `tests/consumers` runs every one: they are the consumers
whose queries must go on working.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "questions"
AUDIENCES: Final = (
    "Scientist",
    "ML engineer",
    "Front-end developer",
    "Data steward",
    "Operator",
)
_HEAD: Final = re.compile(r"# (title|for|about|variables): (.*)")


@dataclass(frozen=True, slots=True)
class Question:
    """A saved question; `query` is its text without the comments at its head."""

    name: str
    title: str
    audience: str
    explanation: str
    query: str
    variables: str


@cache
def load_questions() -> tuple[Question, ...]:
    """Read all saved questions, by audience and then by title.

    Raises:
        ValueError: a file lacks its title, its audience or its explanation.
    """
    found = [_read(path) for path in sorted(FOLDER.glob("*.graphql"))]
    return tuple(sorted(found, key=lambda each: (AUDIENCES.index(each.audience), each.title)))


def saved_question(name: str) -> Question:
    """Return a saved question by the name of its file.

    Raises:
        KeyError: there is none of this name.
    """
    return {each.name: each for each in load_questions()}[name]


def _read(path: Path) -> Question:
    head: dict[str, str] = {}
    lines = path.read_text(encoding="utf-8").splitlines()
    last = ""
    while lines and lines[0].startswith("#"):
        line = lines.pop(0)
        if match := _HEAD.fullmatch(line):
            last = match[1]
            head[last] = match[2].strip()
        elif last:
            head[last] += " " + line.lstrip("# ").strip()
    missing = {"title", "for", "about"} - head.keys()
    if missing or head["for"] not in AUDIENCES:
        raise ValueError(f"{path.name} needs title, about, and for: one of {AUDIENCES}")
    return Question(
        name=path.stem,
        title=head["title"],
        audience=head["for"],
        explanation=head["about"],
        query="\n".join(lines).strip() + "\n",
        variables=head.get("variables", ""),
    )
