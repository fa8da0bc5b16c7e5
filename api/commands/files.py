"""Writing what a command has fetched to a file of the user: whole, or not at all."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from api.commands.output import stop


async def write_whole(path: Path, blocks: AsyncIterator[bytes]) -> None:
    """Write a file under another name, and give it its own when it is complete.

    Raises:
        typer.Exit: the folder cannot be written to.
    """
    try:
        handle, partial = await asyncio.to_thread(
            tempfile.mkstemp, prefix=f".{path.name}-", dir=str(path.parent)
        )
    except OSError:
        stop(f"the folder {path.parent} cannot be written to.")
    try:
        with os.fdopen(handle, "wb") as file:
            async for block in blocks:
                await asyncio.to_thread(file.write, block)
        await asyncio.to_thread(os.chmod, partial, 0o644)
        await asyncio.to_thread(os.replace, partial, path)
    except OSError:
        await asyncio.to_thread(os.unlink, partial)
        stop(f"{path} cannot be written; nothing of it was left behind.")
    except BaseException:
        os.unlink(partial)  # noqa: PTH108 - the loop may be closing: nothing can be awaited
        raise
