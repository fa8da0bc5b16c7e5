"""`make bench`: run every benchmark and print what it found, as Markdown."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

from benchmarks import federated_query, links, openbis_decoding, openbis_memory


def main() -> None:
    """Run all of them, one after the other."""
    print(asyncio.run(federated_query.report()))
    print(openbis_decoding.report())
    print(openbis_memory.report())
    print(asyncio.run(links.report()))
    if find_spec("omero") is None:
        print("OMERO over Ice is not measured: the extra omnibis[omero] is not installed.")
        return
    from benchmarks import omero_decoding  # noqa: PLC0415 - needs Ice

    print(asyncio.run(omero_decoding.report()))


if __name__ == "__main__":
    main()
