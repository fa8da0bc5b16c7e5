"""The one page that benchmarks fill: sections of measured rows, as Markdown and as JSON.

A row is a ratio of two things measured in turns, with its quartiles and, where there is one, the
target. Nothing here measures; `turns` is how the benchmarks do.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from api.server import COLLECT_AFTER

TIMES = "×"  # noqa: RUF001 - it is the sign of multiplication
Work = Callable[[], Any] | Callable[[], Awaitable[Any]]


@dataclass(slots=True)
class Row:
    """A figure: its quartiles, its unit, and what it should be."""

    what: str
    low: float
    median: float
    high: float
    unit: str = TIMES
    target: str = ""


@dataclass(slots=True)
class Section:
    """What one benchmark found."""

    name: str
    title: str
    notes: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def ratio(self, what: str, one: Sequence[float], other: Sequence[float], target: str) -> None:
        """Add `one ÷ other`, of measurements taken in turns."""
        self.add(what, [a / b for a, b in zip(one, other, strict=True)], target=target)

    def add(self, what: str, values: Sequence[float], unit: str = TIMES, target: str = "") -> None:
        """Add the quartiles of some values."""
        low, middle, high = (
            statistics.quantiles(values, n=4, method="inclusive")
            if len(values) > 1
            else [values[0]] * 3
        )
        self.rows.append(Row(what, low, middle, high, unit, target))

    def markdown(self) -> str:
        """Return the section as Markdown."""
        lines = [f"### {self.title}", "", *(f"{note}\n" for note in self.notes)]
        if self.rows:
            lines += ["| what | median | quartiles | target |", "| --- | --- | --- | --- |"]
        for row in self.rows:
            low, middle, high = (_short(each) for each in (row.low, row.median, row.high))
            lines.append(f"| {row.what} | {middle} {row.unit} | {low} to {high} | {row.target} |")
        return "\n".join([*lines, ""])

    def json(self) -> dict[str, Any]:
        """Return the section as JSON can hold it."""
        return asdict(self)


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three digits


@contextmanager
def settled() -> Iterator[None]:
    """Collect as the server does (`api/server.py`), for everything that is measured."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()


async def turns(rounds: int, works: Mapping[str, Work]) -> dict[str, list[float]]:
    """Run each work once a round, in changing order; return seconds by name.

    A work that returns a number has measured itself (a peer in another process).
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    names = list(works)
    dice = random.Random(1)  # noqa: S311 - an order, not a secret
    for _ in range(rounds):
        dice.shuffle(names)
        for name in names:
            started = time.perf_counter()
            result: Any = works[name]()
            if hasattr(result, "__await__"):
                result = await result
            spent = time.perf_counter() - started
            times[name].append(result if isinstance(result, float) else spent)
    return times
