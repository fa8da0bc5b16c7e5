"""What tests of all folders share: a house of their own, or one for a whole module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.house import House, open_house


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """A house that a test may set on fire."""
    async with open_house() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_door() -> AsyncIterator[House]:
    """One house for all tests of a module, which must only ask."""
    async with open_house() as opened:
        yield opened
