"""`python -m backends.demo openbis` or `omero`: one embedded backend by itself, on ports.

It holds the built-in studies, or (openBIS) what a state file kept of an earlier run, and answers
pybis, omero-py and whatever else speaks its protocol. Stops with Ctrl+C.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

REFERENCES = ("none", "server", "adversarial")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code, 2 for what the caller can mend."""
    chosen = _parser().parse_args(arguments)
    if chosen.command == "omero":
        return _omero(chosen)
    # Imported here, so that `--help` and wrong arguments are answered at once.
    from backends.demo.accounts import DEMO_PASSWORD  # noqa: PLC0415
    from backends.demo.openbis.server import create_openbis_server  # noqa: PLC0415
    from backends.demo.openbis.serving import (  # noqa: PLC0415
        ServingError,
        address_of,
        listen,
        serve,
    )
    from backends.demo.openbis.state import StateError  # noqa: PLC0415
    from backends.demo.study import build_world  # noqa: PLC0415

    listener = None
    try:
        listener = listen(chosen.host, chosen.port)
        content = build_world(chosen.seed).openbis
        app = create_openbis_server(
            content,
            references=chosen.references,
            project_samples=chosen.project_samples,
            state=chosen.state,
        )
    except (ServingError, StateError) as error:
        if listener is not None:
            listener.close()
        sys.stderr.write(f"{error}\n")
        return 2
    users = ", ".join(person.user_id for person in content.persons if person.user_id != "admin")
    kept = "in memory" if chosen.state is None else f"in {chosen.state}"
    address = address_of(listener)
    told = (
        f"The embedded openBIS is ready; what is written to it is kept {kept}.\n\n"
        f"  address  {address}\n"
        f"  AS v3    {address}/openbis/openbis/rmi-application-server-v3.json\n"
        f"  users    {users}, password `{DEMO_PASSWORD}`; admin, password `admin`\n\n"
        "Stop with Ctrl+C.\n"
    )

    def tell() -> None:
        sys.stdout.write(told)
        sys.stdout.flush()

    serve(app, listener, tell)
    app.state.api.close()
    return 0


def _omero(chosen: argparse.Namespace) -> int:
    from backends.demo.omero.serving import ServingError, serve  # noqa: PLC0415 - as above
    from backends.demo.study import build_world  # noqa: PLC0415

    ports = {name: getattr(chosen, f"{name}_port") for name in ("tcp", "ssl", "ws", "wss")}
    try:
        serve(build_world(chosen.seed).omero, host=chosen.host, ports=ports)
    except ServingError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m backends.demo", description="The embedded backends by themselves."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    openbis = commands.add_parser("openbis", help="serve the embedded openBIS on a port")
    openbis.add_argument("--port", type=int, default=0, help="the port, 0 for a free one")
    openbis.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    openbis.add_argument(
        "--state", type=Path, help="keep everything in this file; without it, in memory only"
    )
    openbis.add_argument(
        "--references",
        choices=REFERENCES,
        default="server",
        help="how objects that occur twice in an answer are written",
    )
    openbis.add_argument(
        "--project-samples", action="store_true", help="let samples belong to projects"
    )
    openbis.add_argument("--seed", type=int, default=1, help="what the studies' numbers follow")
    omero = commands.add_parser("omero", help="serve the embedded OMERO on ports, over Ice")
    omero.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    omero.add_argument(
        "--port", dest="ssl_port", type=int, default=0, help="the port with TLS, 0 for a free one"
    )
    for name in ("tcp", "ws", "wss"):
        omero.add_argument(f"--{name}-port", type=int, default=0, help=f"the port for {name}")
    omero.add_argument("--seed", type=int, default=1, help="what the studies' numbers follow")
    return parser


if __name__ == "__main__":
    sys.exit(main())
