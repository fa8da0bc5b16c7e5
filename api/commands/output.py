"""How a command speaks: tables and JSON on standard output, all else on standard error.

A command's result goes to standard output, as a table for people or as JSON for programs; progress
and remarks go to standard error, progress only where that is a terminal. What a command ends with
is `Exit`: scripts rely on it. Every command group uses this; nothing here knows what is told.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from enum import IntEnum
from typing import Annotated, Any, Final, NoReturn, TypeAlias

import msgspec
import orjson
import typer

WIDE: Final = 10_000  # columns of a table that goes into a file or a pipe: nothing is folded there
_INDENTED: Final = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS

AsJson = Annotated[bool, typer.Option("--json", help="Tell the result as JSON.")]
# Told with the name of what is done, how much of it is done, and of how much, if that is known.
Progress: TypeAlias = Callable[[str, int, int | None], None]


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0  # nothing is left to say
    FINDINGS = 1  # something was found, or was refused
    CANNOT = 2  # it could not be done, or not even begun


def stop(message: str) -> NoReturn:
    """End the command, for a reason told in one sentence."""
    remark(message)
    raise typer.Exit(Exit.CANNOT)


def remark(message: str) -> None:
    """Say something that is not the result."""
    typer.echo(f"omnibis: {message}", err=True)


def document(record: Any) -> Any:
    """A record as JSON: keys as the API spells them, `openbisPermId`."""
    if is_dataclass(record) and not isinstance(record, type):
        record = {each.name: getattr(record, each.name) for each in fields(record)}
    elif isinstance(record, msgspec.Struct):
        record = msgspec.structs.asdict(record)
    if isinstance(record, dict):
        return {_camel(key): document(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [document(each) for each in record]
    return record


def _camel(key: Any) -> Any:
    if not isinstance(key, str) or key.isupper():
        return key
    first, *others = key.split("_")
    return first + "".join(each.capitalize() for each in others)


def tell_json(result: Any) -> None:
    """Print a result for programs; records and times are understood."""
    typer.echo(orjson.dumps(document(result), default=str, option=_INDENTED).decode())


def tell_line(result: Any) -> None:
    """Print one result of many for programs: JSON Lines."""
    text = orjson.dumps(document(result), default=str, option=orjson.OPT_NON_STR_KEYS)
    typer.echo(text.decode())


def tell_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below their columns' names; nothing at all when there are none.

    Cells are texts of others, and may hold what a terminal would obey: that is made visible.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    if not cells:
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=not terminal, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console(file=sys.stdout, width=None if terminal else WIDE, highlight=False).print(table)


def printable(cell: object) -> str:
    """A cell as text in one line, with characters that a terminal would obey made visible."""
    if cell is None:
        return ""
    text = str(cell)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


@contextmanager
def progress() -> Iterator[Progress]:
    """Show bars while a long command runs; does nothing where nobody looks.

    The function it gives may be called as often as there is news.
    """
    if not sys.stderr.isatty():
        yield _silent
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def advance(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total)
            bars.update(tasks[name], completed=done, total=total)

        yield advance


def _silent(_name: str, _done: int, _total: int | None) -> None:
    pass
