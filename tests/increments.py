"""What a client does with an answer in parts."""

from __future__ import annotations

from typing import Any


def merged(bodies: list[Any]) -> Any:
    """Put an answer together again."""
    data, places = bodies[0]["data"], {}
    for body in bodies:
        places |= {pending["id"]: pending["path"] for pending in body.get("pending", ())}
        for part in body.get("incremental", ()):
            at = data
            for step in [*places[part["id"]], *part.get("subPath", ())]:
                at = at[step]
            at.update(part["data"]) if "data" in part else at.extend(part["items"])
    return data
