"""`make bench`: run every benchmark and print what it found, as Markdown."""

from __future__ import annotations

import asyncio

from benchmarks import federated_query, openbis_decoding


def main() -> None:
    """Run all of them, one after the other."""
    print(asyncio.run(federated_query.report()))
    print(openbis_decoding.report())


if __name__ == "__main__":
    main()
