from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from backends.folder import BLOCK, FileMissing, Folder, FolderError, HashingFile

HOUSE = Path(__file__).parents[2]
CONTENT = os.urandom(3 * BLOCK + 17)


@pytest.fixture(params=["local", "file", "memory", "dir", "temporary"])
async def folder(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Folder]:
    urls = {
        "local": str(tmp_path / "snapshots"),
        "file": (tmp_path / "snapshots").as_uri(),
        "memory": f"memory://{uuid4().hex}",
        "dir": f"dir::{(tmp_path / 'snapshots').as_uri()}",
    }
    url = urls.get(request.param)
    opened = Folder(None if url is None else SecretStr(url))
    yield opened
    await opened.aclose()


def names(folder: Folder) -> list[str]:
    """Everything that lies in a folder, incomplete files too."""
    files, root = folder._open()
    found = files.find(root)
    return sorted(name.removeprefix(root).lstrip("/") for name in found)


async def read(folder: Folder, path: str, start: int, end: int) -> bytes:
    return b"".join([block async for block in folder.blocks(path, start, end)])


async def test_a_file_is_written_and_read_in_parts(folder: Folder) -> None:
    stored = await folder.write("a/b.bin", lambda sink: sink.write(CONTENT))
    assert stored.path == "a/b.bin"
    assert stored.size == len(CONTENT) == folder.size_now("a/b.bin")
    assert stored.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert await read(folder, "a/b.bin", 0, len(CONTENT)) == CONTENT
    assert await read(folder, "a/b.bin", 5, BLOCK + 9) == CONTENT[5 : BLOCK + 9]
    assert await read(folder, "a/b.bin", len(CONTENT) - 1, len(CONTENT)) == CONTENT[-1:]
    assert await read(folder, "a/b.bin", 7, 7) == b""
    assert names(folder) == ["a/b.bin"]


async def test_a_file_can_be_named_by_its_content(folder: Folder) -> None:
    stored = await folder.write(lambda sha: f"rows/{sha}.txt", lambda sink: sink.write(b"x"))
    assert stored.path == f"rows/{hashlib.sha256(b'x').hexdigest()}.txt"
    assert names(folder) == [stored.path]


async def test_what_breaks_off_leaves_nothing(folder: Folder) -> None:
    def half(sink: HashingFile) -> None:
        sink.write(CONTENT)
        raise RuntimeError("the writer died")

    with pytest.raises(RuntimeError, match="the writer died"):
        await folder.write("a.bin", half)
    assert names(folder) == []
    assert folder.size_now("a.bin") is None


async def test_a_file_appears_only_when_it_is_whole(folder: Folder) -> None:
    seen: list[int | None] = []

    def slowly(sink: HashingFile) -> None:
        for _ in range(3):
            sink.write(CONTENT)
            seen.append(folder.size_now("a.bin"))

    await folder.write("a.bin", slowly)
    assert seen == [None, None, None]
    assert folder.size_now("a.bin") == 3 * len(CONTENT)


async def test_who_no_longer_wants_a_file_gets_none(folder: Folder) -> None:
    cancelled = threading.Event()

    def long(sink: HashingFile) -> None:
        sink.write(b"1")
        cancelled.set()
        sink.write(b"2")

    with pytest.raises(FolderError, match="no longer wanted"):
        folder.write_now("a.bin", long, cancelled)
    assert names(folder) == []


async def test_lines_are_read_one_by_one(folder: Folder) -> None:
    lines = [b"short", b"x" * (2 * BLOCK), b"", b"last"]
    await folder.write("a.txt", lambda sink: sink.write(b"\n".join(lines) + b"\n"))
    assert list(folder.lines_now("a.txt")) == lines
    await folder.write("b.txt", lambda sink: sink.write(b"no end"))
    assert list(folder.lines_now("b.txt")) == [b"no end"]


async def test_what_is_not_there_is_said_to_be_missing(folder: Folder) -> None:
    assert folder.size_now("nowhere/a") is None
    assert folder.names_now("nowhere") == []
    await folder.delete("nowhere")
    with pytest.raises(FileMissing), folder.open_now("nowhere/a"):
        pass
    with pytest.raises(FileMissing):
        await read(folder, "nowhere/a", 0, 1)


async def test_a_folder_is_deleted_with_all_in_it(folder: Folder) -> None:
    for path in ("a/b/c", "a/d", "e"):
        await folder.write(path, lambda sink: sink.write(b"x"))
    assert sorted(folder.names_now("a")) == ["b", "d"]
    await folder.delete("a")
    assert names(folder) == ["e"]


KILLED = """
import sys
from pydantic import SecretStr
from backends.folder import Folder

def produce(sink):
    sink.write(b"half of it")
    print("half", flush=True)
    sys.stdin.read()  # for ever

Folder(SecretStr(sys.argv[1])).write_now("a/b", produce)
"""


def test_a_writer_that_is_killed_leaves_no_file_and_the_next_writes_it(tmp_path: Path) -> None:
    given = [sys.executable, "-c", KILLED, str(tmp_path)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(given, cwd=HOUSE, **pipes) as writer:  # noqa: S603
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half\n"
        writer.kill()
    folder = Folder(SecretStr(str(tmp_path)))
    assert folder.size_now("a/b") is None
    assert folder.names_now("") == []
    folder.write_now("a/b", lambda sink: sink.write(b"all of it"))
    assert folder.size_now("a/b") == 9


async def test_what_a_killed_writer_left_is_swept_away_after_a_day(tmp_path: Path) -> None:
    for name, age in (("old", 25 * 3600), ("new", 3600)):
        (tmp_path / f".partial-{name}").write_bytes(b"half")
        os.utime(tmp_path / f".partial-{name}", (time.time() - age,) * 2)
    folder = Folder(SecretStr(str(tmp_path)))
    await folder.write("a", lambda sink: sink.write(b"1"))
    assert names(folder) == [".partial-new", "a"]


async def test_a_file_that_shrank_is_no_whole_answer(folder: Folder) -> None:
    await folder.write("a", lambda sink: sink.write(b"123"))
    with pytest.raises(FolderError, match="ends before its time"):
        await read(folder, "a", 0, 4)


async def test_a_temporary_folder_is_gone_afterwards() -> None:
    folder = Folder(None)
    await folder.write("a", lambda sink: sink.write(b"1"))
    root = folder._open()[1]
    assert os.access(f"{root}/a", os.F_OK)
    await folder.aclose()
    assert not os.access(root, os.F_OK)


@pytest.mark.parametrize(
    "url", ["nosuch://user:secret@host/x", "s3://bucket/secret", "/proc/secret/x"]
)
async def test_a_folder_that_cannot_be_used_says_so_without_its_address(url: str) -> None:
    folder = Folder(SecretStr(url))
    with pytest.raises(FolderError, match="OMNIBIS_SNAPSHOT_URL") as caught:
        await folder.write("a", lambda sink: sink.write(b"1"))
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(folder)


async def test_a_full_disk_is_the_folders_failure_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(SecretStr(str(tmp_path)))
    files, _ = folder._open()
    opening = files.open

    def full(path: str, mode: str, **given: Any) -> IO[bytes]:
        opened = opening(path, mode, **given)

        def refuse(_data: Any) -> int:
            raise OSError(28, "No space left on device")

        opened.write = refuse
        return opened  # type: ignore[no-any-return]

    monkeypatch.setattr(files, "open", full)
    with pytest.raises(FolderError, match="cannot be written to"):
        await folder.write("a", lambda sink: sink.write(b"1"))
    assert names(folder) == []
