"""`CodeBook`, which hands out numbers that codes are made of, and never one twice.

A registration claims a block of a series under a key of its own; asking again under the same key
gives the same block, so that a registration which was killed goes on with the codes it had. That no
number is in two blocks is held by the table's constraints (see the migration), not by what is
counted here. What the numbers become, barcodes among others, is the resolvers' business.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from link_store.database import LinkDatabase
from link_store.errors import InvalidLink, StoreUnavailable
from link_store.models import CODE_BLOCK
from link_store.reading import MAX_ID

MOST_AT_ONCE = 1_000_000
_ATTEMPTS = 5
_BUSY = "others are registering at the same time: try again"


class CodeBook:
    """The numbers of one openBIS installation's codes.

    Args:
        database: Where the blocks are.
        openbis_instance: The name under which this openBIS stands in the tables.
    """

    def __init__(self, database: LinkDatabase, openbis_instance: str = "openbis") -> None:
        self._database = database
        self._instance = openbis_instance

    async def claim(
        self, scope: str, series: str, count: int, *, owner: str, beyond: int = 0
    ) -> range:
        """Claim the next numbers of a series; the same owner gets the same ones again.

        Args:
            scope: What the codes are unique within, such as a project's code.
            series: What is counted, such as `BARCODE`.
            count: How many.
            owner: The key of the registration, or of a part of it.
            beyond: A number that the block must begin behind, because others have used it; it
                counts for a new claim only.

        Returns:
            The numbers, from 1 on in each series.

        Raises:
            InvalidLink: when the owner had claimed another count, or the count is not possible.
            StoreUnavailable: when the database cannot be written at the moment.
        """
        if not 0 < count <= MOST_AT_ONCE or not 0 <= beyond < MAX_ID - MOST_AT_ONCE:
            raise InvalidLink("so many codes cannot be claimed at once")
        if not (scope.strip() and series.strip() and owner.strip()):
            raise InvalidLink("codes are claimed for a scope, a series and an owner")
        for _ in range(_ATTEMPTS):
            try:
                async with self._database.write() as connection:
                    return await self._claim(connection, (scope, series), count, owner, beyond)
            except IntegrityError:
                continue  # written by one that does not take the writers' lock
        raise StoreUnavailable(_BUSY)

    async def claim_each(
        self, series: str, beyond: Mapping[str, int], *, owner: str
    ) -> dict[str, int]:
        """Claim one number in each of several scopes, in one transaction.

        Args:
            series: What is counted.
            beyond: By scope, a number that the new one must be greater than.
            owner: As for `claim`; it gets the same numbers again.

        Raises:
            StoreUnavailable: when the database cannot be written at the moment.
        """
        for _ in range(_ATTEMPTS):
            try:
                async with self._database.write() as connection:
                    return {
                        scope: (await self._claim(connection, (scope, series), 1, owner, least))[0]
                        for scope, least in beyond.items()
                    }
            except IntegrityError:
                continue
        raise StoreUnavailable(_BUSY)

    async def claimed(self, scope: str, series: str, owner: str) -> range | None:
        """Return the block that an owner has, if it has one."""
        async with self._database.read() as connection:
            return await self._of_owner(connection, (scope, series), owner)

    async def claimed_by(self, scope: str, owner: str) -> dict[str, range]:
        """Return all blocks that an owner has in a scope, by series."""
        block = CODE_BLOCK.c
        statement = select(block.series, block.first, block.next).where(
            block.openbis_instance == self._instance, block.scope == scope, block.owner == owner
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(statement)).all()
        return {row[0]: range(row[1], row[2]) for row in rows}

    async def highest(self, scope: str, series: str) -> int:
        """Return the last number that was given out or passed over; 0 when there is none."""
        async with self._database.read() as connection:
            return await self._end(connection, (scope, series)) - 1

    async def _claim(
        self,
        connection: AsyncConnection,
        series: tuple[str, str],
        count: int,
        owner: str,
        beyond: int,
    ) -> range:
        known = await self._of_owner(connection, series, owner)
        if known is not None:
            if len(known) != count:
                raise InvalidLink(
                    "this registration has claimed another number of codes before: "
                    "begin anew, with another key"
                )
            return known
        first = await self._end(connection, series)
        rows = []
        if first <= beyond:
            rows.append(self._row(series, first, beyond + 1, None))
            first = beyond + 1
        rows.append(self._row(series, first, first + count, owner))
        for row in rows:  # one by one: the second refers to the first
            await connection.execute(insert(CODE_BLOCK).values(row))
        return range(first, first + count)

    async def _of_owner(
        self, connection: AsyncConnection, series: tuple[str, str], owner: str
    ) -> range | None:
        block = CODE_BLOCK.c
        row = (
            await connection.execute(
                select(block.first, block.next).where(*self._within(series), block.owner == owner)
            )
        ).one_or_none()
        return None if row is None else range(row[0], row[1])

    async def _end(self, connection: AsyncConnection, series: tuple[str, str]) -> int:
        statement = select(func.max(CODE_BLOCK.c.next)).where(*self._within(series))
        return (await connection.execute(statement)).scalar_one() or 1

    def _within(self, series: tuple[str, str]) -> tuple[ColumnElement[bool], ...]:
        block = CODE_BLOCK.c
        return (
            block.openbis_instance == self._instance,
            block.scope == series[0],
            block.series == series[1],
        )

    def _row(
        self, series: tuple[str, str], first: int, behind: int, owner: str | None
    ) -> dict[str, object]:
        return {
            "openbis_instance": self._instance,
            "scope": series[0],
            "series": series[1],
            "first": first,
            "next": behind,
            "previous": None if first == 1 else first,
            "owner": owner,
            "created_at": datetime.now(UTC),
        }
