"""Numbers for codes: never one twice, whoever asks, and the same ones for the same owner."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.exc import IntegrityError

from backends.openbis.barcodes import barcode, is_barcode
from link_store.codes import CodeBook
from link_store.database import LinkDatabase
from link_store.errors import InvalidLink

Attack = Callable[..., Awaitable[None]]
INSERT = (
    "insert into code_block"
    " (openbis_instance, scope, series, first, next, previous, owner, created_at)"
    " values ('openbis', 'QTEST', 'BARCODE', {}, {}, {}, {}, '2026-01-01')"
)


@pytest.fixture
def book(database: LinkDatabase) -> CodeBook:
    return CodeBook(database)


async def test_blocks_follow_each_other(book: CodeBook) -> None:
    assert await book.claim("QTEST", "BARCODE", 3, owner="a") == range(1, 4)
    assert await book.claim("QTEST", "BARCODE", 2, owner="b") == range(4, 6)
    assert await book.claim("QTEST", "ENTITY", 2, owner="b") == range(1, 3)
    assert await book.claim("QABCD", "BARCODE", 2, owner="b") == range(1, 3)
    assert await book.highest("QTEST", "BARCODE") == 5
    assert await book.highest("QNONE", "BARCODE") == 0


async def test_an_owner_gets_the_same_block_again(book: CodeBook) -> None:
    first = await book.claim("QTEST", "BARCODE", 3, owner="a", beyond=7)
    assert first == range(8, 11)
    await book.claim("QTEST", "BARCODE", 3, owner="b")
    assert await book.claim("QTEST", "BARCODE", 3, owner="a", beyond=100) == first
    assert await book.claimed("QTEST", "BARCODE", "a") == first
    assert await book.claimed("QTEST", "BARCODE", "c") is None
    with pytest.raises(InvalidLink, match="another number of codes"):
        await book.claim("QTEST", "BARCODE", 4, owner="a")


async def test_numbers_used_by_others_are_passed_over(book: CodeBook) -> None:
    await book.claim("QTEST", "BARCODE", 3, owner="a")
    assert await book.claim("QTEST", "BARCODE", 2, owner="b", beyond=9) == range(10, 12)
    assert await book.claim("QTEST", "BARCODE", 2, owner="c", beyond=5) == range(12, 14)


@pytest.mark.parametrize(("count", "beyond"), [(0, 0), (-1, 0), (10**9, 0), (1, -1), (1, 2**63)])
async def test_impossible_claims(book: CodeBook, count: int, beyond: int) -> None:
    with pytest.raises(InvalidLink):
        await book.claim("QTEST", "BARCODE", count, owner="a", beyond=beyond)


@pytest.mark.parametrize(
    "values",
    [
        (2, 5, 2, "'x'"),  # within the block of a
        (4, 6, "null", "'x'"),  # not joined to the chain
        (1, 9, "null", "'x'"),  # begins where a begins
        (7, 9, 7, "'x'"),  # leaves a gap
        (4, 4, 4, "'x'"),  # empty
        (4, 9, 4, "'a'"),  # a second one of a
        (4, 9, 3, "'x'"),
    ],
)
async def test_the_database_itself_refuses_overlapping_blocks(
    book: CodeBook, attack: Attack, values: tuple[object, ...]
) -> None:
    await book.claim("QTEST", "BARCODE", 3, owner="a")
    with pytest.raises(IntegrityError):
        await attack(INSERT.format(*values))


@pytest.mark.parametrize("statement", ["update code_block set next = 9", "delete from code_block"])
async def test_blocks_stay(book: CodeBook, attack: Attack, statement: str) -> None:
    await book.claim("QTEST", "BARCODE", 3, owner="a")
    with pytest.raises(IntegrityError, match="code_block_kept"):
        await attack(statement)


CLAIM = """
import asyncio, json, sys
from link_store.codes import CodeBook
from link_store.database import LinkDatabase

async def main(url, name):
    database = LinkDatabase(url, busy_timeout=60)
    book = CodeBook(database)
    print("ready", flush=True)
    sys.stdin.readline()
    blocks = []
    for turn in range(20):
        block = await book.claim("QTEST", "BARCODE", 1 + turn % 7, owner=f"{name}/{turn}")
        blocks.append([block.start, block.stop])
        again = await book.claim("QTEST", "BARCODE", 1 + turn % 7, owner=f"{name}/{turn}")
        assert again == block
    await database.dispose()
    print(json.dumps(blocks))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_eight_processes_at_once_get_no_code_twice_and_none_invalid(
    book: CodeBook, database_url: str
) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", "-c", CLAIM, database_url, f"process {number}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for number in range(8)
    ]
    for process in processes:  # all are up before any may begin
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    answers = await asyncio.gather(*(process.communicate(b"go\n") for process in processes))
    assert [process.returncode for process in processes] == [0] * 8
    numbers = [
        number
        for answer, _ in answers
        for first, behind in json.loads(answer)
        for number in range(first, behind)
    ]
    assert len(numbers) == 8 * sum(1 + turn % 7 for turn in range(20))
    codes = [barcode("QTEST", number) for number in numbers]
    assert len(set(codes)) == len(codes)
    assert all(map(is_barcode, codes))
    assert await book.highest("QTEST", "BARCODE") == len(codes)  # no number was lost either
