from __future__ import annotations

import pytest

from resolvers.viewers import ViewerCache


class Source:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def load(self) -> int:
        self.asked += 1
        return self.asked

    async def fail(self) -> int:
        self.asked += 1
        raise ValueError(self.asked)


async def test_a_value_is_loaded_once_per_viewer_and_name() -> None:
    cache, source = ViewerCache(), Source()
    assert [await cache.get("ada", "types", source.load) for _ in range(3)] == [1, 1, 1]
    assert await cache.get("ada", "identity", source.load) == 2
    assert await cache.get("bob", "types", source.load) == 3
    assert await cache.get("ada", "types", source.load) == 1


async def test_a_viewer_is_forgotten_alone() -> None:
    cache, source = ViewerCache(), Source()
    for viewer in ("ada", "bob"):
        await cache.get(viewer, "types", source.load)
    cache.forget("ada")
    cache.forget("nobody")
    assert await cache.get("bob", "types", source.load) == 2
    assert await cache.get("ada", "types", source.load) == 3


async def test_a_failure_is_not_remembered() -> None:
    cache, source = ViewerCache(), Source()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"[12]"):
            await cache.get("ada", "types", source.fail)
    assert await cache.get("ada", "types", source.load) == 3


async def test_a_value_is_believed_for_its_time_only() -> None:
    cache, source = ViewerCache(seconds=0), Source()
    await cache.get("ada", "types", source.load)
    assert await cache.get("ada", "types", source.load) == 2


async def test_the_memory_is_bounded() -> None:
    cache, source = ViewerCache(entries=2), Source()
    for viewer in ("ada", "bob", "cyd"):
        await cache.get(viewer, "types", source.load)
    assert await cache.get("ada", "types", source.load) == 4


def test_ids_for_further_pages_are_kept_per_viewer_and_bounded_in_all() -> None:
    cache = ViewerCache(ids=5)
    cache.keep("ada", "cohort", ("a", "b", "c"))
    assert cache.kept("ada", "cohort") == ("a", "b", "c")
    assert cache.kept("ben", "cohort") is None
    cache.keep("ben", "cohort", ("d", "e", "f"))  # both together are too many
    assert cache.kept("ben", "cohort") == ("d", "e", "f")
    assert cache.kept("ada", "cohort") is None
    cache.keep("ada", "cohort", tuple("ghijkl"))  # more than there is room for
    assert cache.kept("ada", "cohort") is None
    cache.forget("ben")
    assert cache.kept("ben", "cohort") is None
