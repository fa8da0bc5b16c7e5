"""10,000 images of 12 columns over Ice: the raw reader, the generated classes, and the gateway.

The server is the embedded OMERO in a process of its own, so that what is measured here is the
client: its CPU time, for the server's own time is not what the adapter can better. All three ask in
turns for the same images over one connection each. Further: calls that wait in the server at once,
and how long the event loop is kept from others while large answers arrive. Run by `make bench`, or
alone with `python -m benchmarks.omero_decoding`; `--serve` is the server.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import SecretStr

from backends.demo.accounts import DEMO_PASSWORD, add_omero_accounts
from backends.demo.world import OmeroContent
from backends.omero import typed
from backends.omero.ice_address import IceOptions, OmeroAddress
from backends.omero.ice_transport import IceTransport
from backends.omero.session import Seat

IMAGES = 10_000
ROUNDS = 7
GATEWAY_ROUNDS = 2  # it takes its time
DELAY = 0.1
CONCURRENT = 16
USER = "microscopy"
COLUMNS = (
    *("i.id", "i.name", "i.description", "i.acquisitionDate", "i.details.owner.id"),
    *("px.id", "px.sizeX", "px.sizeY", "px.sizeZ", "px.sizeC", "px.physicalSizeX.value"),
    "px.physicalSizeX.unit",
)
HQL = f"select {', '.join(COLUMNS)} from Image i left outer join i.pixels px order by i.id"  # noqa: S608 - constants


def content() -> OmeroContent:
    """Images with their pixels, in one group."""
    made = OmeroContent()
    add_omero_accounts(made)
    people = {row["omeName"]: row["id"] for row in made.rows["Experimenter"]}
    groups = {row["name"]: row["id"] for row in made.rows["ExperimenterGroup"]}
    owner, group = people[USER], groups["clinical"]
    event = made.add(
        "Event",
        time=1_700_000_000_000,
        type=made.enumerate("EventType", "User"),
        experimenter=owner,
        experimenterGroup=group,
        session=None,
    )
    kind = made.enumerate("PixelsType", "uint16")
    order = made.enumerate("DimensionOrder", "XYZCT")
    for number in range(IMAGES):
        image = made.add_owned(
            "Image",
            owner,
            group,
            event,
            {
                "name": f"QCLIN{number:06}_confocal_stack.lsm",
                "description": "a series of optical sections" if number % 3 else None,
                "acquisitionDate": 1_600_000_000_000 + number * 60_000,
            },
        )
        made.add_owned(
            "Pixels",
            owner,
            group,
            event,
            {
                "image": image,
                "pixelsType": kind,
                "dimensionOrder": order,
                "sizeX": 1024,
                "sizeY": 1024,
                "sizeZ": number % 60 + 1,
                "sizeC": 3,
                "sizeT": 1,
                "physicalSizeX": (0.1 + number % 7 / 100, "MICROMETER"),
                "sha1": "",
            },
        )
    return made


def serve() -> None:
    """Be the server: print the port, then obey `delay <operation> <seconds>` to the input's end."""
    from backends.demo.omero.ice_server import OmeroIceServer  # noqa: PLC0415 - the child only

    with OmeroIceServer(content(), transports=("ssl",)) as server:
        print(server.ports["ssl"], flush=True)
        for line in sys.stdin:
            _, operation, seconds = line.split()
            server.faults.delay[operation] = float(seconds)
            print("done", flush=True)


class Child:
    """The server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self.answer())

    def answer(self) -> str:
        """The next line that it prints."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def delay(self, operation: str, seconds: float) -> None:
        """Have it wait before it carries out an operation."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"delay {operation} {seconds}\n")
        self._process.stdin.flush()
        self.answer()


@contextmanager
def child() -> Iterator[Child]:
    """Run the server."""
    command = [sys.executable, "-m", "benchmarks.omero_decoding", "--serve"]
    with subprocess.Popen(  # noqa: S603 - this very module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Child(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


async def report(rounds: int = ROUNDS) -> str:
    """Measure in turns, and return Markdown tables."""
    with child() as server:
        address = OmeroAddress.parse("ssl://127.0.0.1", server.port)
        transport = IceTransport(address, IceOptions(verify=False))
        try:
            session = await transport.login(USER, SecretStr(DEMO_PASSWORD))
            seat = await transport.sessions.seat(session)
            decoding = await _decoding(transport, session, seat, server, rounds)
            waiting = await _waiting(transport, session, server, rounds)
            stalls = await _stalls(transport, session)
        finally:
            await transport.aclose()
    return "\n".join([*decoding, *waiting, *stalls, ""])


async def _decoding(
    transport: IceTransport, session: SecretStr, seat: Seat, server: Child, rounds: int
) -> list[str]:
    """The three ways to the same images."""
    gateway = _gateway(server.port)
    raw_times: list[float] = []
    typed_times: list[float] = []
    gateway_times: list[float] = []
    query = await seat.service("IQuery", group=-1)
    try:
        for turn in range(rounds):
            started = time.process_time()
            rows = await transport.projection(session, HQL, {})
            raw_times.append(time.process_time() - started)
            started = time.process_time()
            cells = await seat.call(query.begin_projection, HQL, typed.parameters({}))
            plain = typed.plain_rows(cells)
            typed_times.append(time.process_time() - started)
            assert rows == plain
            assert len(rows) == IMAGES
            if turn < GATEWAY_ROUNDS:
                started = time.process_time()
                images = await asyncio.to_thread(_from_gateway, gateway)
                gateway_times.append(time.process_time() - started)
                assert [row[:2] for row in rows] == [image[:2] for image in images]
            del rows, cells, plain
    finally:
        await asyncio.to_thread(gateway.close)
    assert transport.typed_replies == 0
    mine = statistics.median(raw_times)
    lines = [
        "### Reading 10,000 images of 12 columns over Ice",
        "",
        f"CPU time of the client in {rounds} turns (the gateway in {GATEWAY_ROUNDS}).",
        "",
        "| how | seconds of CPU | times ours | aim |",
        "| --- | --- | --- | --- |",
        f"| raw reader (what omnibis does) | {mine:.2f} | 1 | |",
    ]
    for name, times, aim in (
        ("generated classes, same projection", typed_times, 4),
        ("`BlitzGateway.getObjects` with pixels", gateway_times, 20),
    ):
        ratio = statistics.median(times) / mine
        lines.append(f"| {name} | {statistics.median(times):.2f} | **{ratio:.1f}** | ≥ {aim} |")
    return [*lines, ""]


async def _waiting(
    transport: IceTransport, session: SecretStr, server: Child, rounds: int
) -> list[str]:
    """Calls that wait in the server at the same time, over one connection."""
    small = "select count(e.id) from Experimenter e"
    await transport.projection(session, small, {})
    server.delay("projection", DELAY)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        await asyncio.gather(*(transport.projection(session, small, {}) for _ in range(CONCURRENT)))
        times.append(time.perf_counter() - started)
    server.delay("projection", 0)
    ratio = statistics.median(times) / DELAY
    return [
        (
            f"{CONCURRENT} calls that the server delays by {DELAY * 1000:.0f} ms, on one "
            f"connection: **{ratio:.2f}** times one delay (aim < 1.6; one after the other it would "
            f"be {CONCURRENT})."
        ),
        "",
    ]


async def _stalls(transport: IceTransport, session: SecretStr) -> list[str]:
    """How long others wait for the loop while 16 answers of 1,000 rows arrive."""
    stalls: list[float] = []
    done = asyncio.Event()

    async def watch() -> None:
        while not done.is_set():
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            stalls.append(max(0.0, time.perf_counter() - started - 0.001))

    watching = asyncio.create_task(watch())
    await asyncio.gather(
        *(
            transport.projection(session, HQL, {}, offset=1_000 * (turn % 10), limit=1_000)
            for turn in range(CONCURRENT)
        )
    )
    done.set()
    await watching
    stalls.sort()
    p95 = stalls[int(len(stalls) * 0.95)] * 1000
    return [
        (
            f"While {CONCURRENT} answers of 1,000 rows arrive, others wait for the event loop "
            f"**{p95:.1f} ms** at the 95th percentile (aim < 10), {stalls[-1] * 1000:.0f} ms at "
            f"most, of {len(stalls)} looks."
        ),
        "",
    ]


def _gateway(port: int) -> Any:
    from omero.gateway import BlitzGateway  # noqa: PLC0415 - the peer, needed here only

    gateway = BlitzGateway(USER, DEMO_PASSWORD, host="127.0.0.1", port=port, secure=True)
    assert gateway.connect()
    return gateway


def _from_gateway(gateway: Any) -> list[list[Any]]:
    """The same columns, as its users read them."""
    rows = []
    options = {"load_pixels": True, "order_by": "obj.id"}
    gateway.SERVICE_OPTS.setOmeroGroup("-1")
    for image in gateway.getObjects("Image", opts=options):
        pixels = image.getPrimaryPixels()
        size = pixels.getPhysicalSizeX()
        rows.append(
            [
                image.getId(),
                image.getName(),
                image.getDescription(),
                image.getAcquisitionDate(),
                image.getDetails().getOwner().getId(),
                pixels.getId(),
                pixels.getSizeX(),
                pixels.getSizeY(),
                pixels.getSizeZ(),
                pixels.getSizeC(),
                None if size is None else size.getValue(),
                None if size is None else str(size.getUnit()),
            ]
        )
    return rows


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
    else:
        print(asyncio.run(report()))
