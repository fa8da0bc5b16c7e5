"""A bulk selection of about 76,000 leaf fields: how long from records to bytes.

The same objects, the same answer: our plans, stock Strawberry, a Python function written by hand
for just this selection, `orjson` of the ready answer; graphql-js 17 and graphql-jit over the same
data in Node. Then the same through edges (samples, link, image dataset, images), whose batches are
answered at once, and a small query. Node's peers have processes of their own, where nothing else
runs; so beside them ours runs alone, too, and beside stock Strawberry in further rounds.
`python -m benchmarks bulk` prints it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
from graphql import GraphQLSchema, experimental_execute_incrementally, parse, print_schema
from pydantic import SecretStr
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from api.execution import Shelves, encode, execute
from api.schema import build_schema
from backends.filters import Page
from backends.records import (
    ChannelRecord,
    ImageDatasetRecord,
    ImageRecord,
    KeyValueRecord,
    ObjectiveRecord,
    ProjectRecord,
    Quantity,
    SampleRecord,
)
from benchmarks.node import Node, available
from benchmarks.page import Section, settled, turns
from link_store.records import LinkState, SampleLinkRecord
from resolvers.context import RequestContext, Viewer
from resolvers.loaders import Loaders

IMAGES = 2000
SAMPLES = 290
EACH = 7  # images of a sample
NODE = """name description format sizeX sizeY sizeZ sizeC sizeT pixelType significantBits
acquiredAt importedAt pixelSize { x { value unit } y { value unit } z { value unit } }
channels { index name fluor emission { value unit } }
objective { model magnification numericalAperture immersion } keyValues { key value }"""
QUERY = f"{{ images(first: 500) {{ edges {{ node {{ {NODE} }} }} }} }}"
EDGES = f"""query ($p: String!) {{ project(identifier: $p) {{ samples(first: 500) {{ edges {{
  node {{ code imaging {{ status dataset {{
  images(first: 20) {{ edges {{ node {{ {NODE} }} }} }} }} }}
}} }} }} }} }}"""
SMALL = """{ project(identifier: "/A/B") { permId code identifier description registeredAt
  modifiedAt space registrator { userId firstName lastName } } }"""
AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
FACETS = frozenset(
    {"channels", "channel_names", "objective", "magnification", "key_values", "key_value_pairs"}
)


async def measure(*, quick: bool = False) -> Section:
    """Measure all of it.

    Args:
        quick: a tenth of the objects and three rounds, to see that it runs.
    """
    images = [_image(number) for number in range(IMAGES // 10 if quick else IMAGES)]
    rounds = 3 if quick else 25
    section = Section("bulk", "(a) Bulk selection, from records to bytes")
    await _bulk(section, images, rounds)
    await _edges(section, SAMPLES // 10 if quick else SAMPLES, rounds)
    await _small(section, 20 if quick else 400)
    return section


async def _bulk(section: Section, images: list[ImageRecord], rounds: int) -> None:
    page = Page(tuple(images), tuple((0, each.omero_id) for each in images), has_more=False)

    async def answer(*_arguments: Any, **_more: Any) -> Page[ImageRecord]:
        return page

    make = _contexts(SimpleNamespace(images=answer), SimpleNamespace())
    planned, stock = _executors(QUERY, make, {})

    def by_hand() -> bytes:
        nodes = {"edges": [{"node": _node(each)} for each in images]}
        return orjson.dumps({"data": {"images": nodes}})

    ready = orjson.loads(by_hand())
    text = await planned()
    assert text == await stock() == by_hand()
    works: dict[str, Any] = {
        "planned": planned,
        "stock": stock,
        "by_hand": by_hand,
        "ready": lambda: orjson.dumps(ready),
    }
    leaves = _leaves(ready)
    why = available()
    beside: dict[str, Any] = {"planned": planned}
    with tempfile.TemporaryDirectory() as folder, settled():
        node = None if why else _node_peer(Path(folder), ready["data"])
        if node is not None:
            assert orjson.loads(node.ask("text js")) == orjson.loads(text)
            assert orjson.loads(node.ask("text jit")) == orjson.loads(text)
            peers = [name for name in ("js", "jit", "jit-serializer") if node.ask(name) != "none"]
            for name in peers:
                beside[name] = lambda name=name: float(node.ask(name)) / 1000
                for _ in range(rounds):
                    beside[name]()
        for _ in range(3):
            await planned()
        alone = await turns(rounds, beside)
        if node is not None:
            node.__exit__(None, None, None)
        times = await turns(rounds, works)
    section.notes.append(
        f"{len(images)} images, {leaves} leaf fields, {len(text) / 1e6:.2f} MB; "
        f"{rounds} rounds in turns."
    )
    section.notes += [why] if why else []
    ours = times["planned"]
    section.ratio("stock Strawberry ÷ ours", times["stock"], ours, "≥ 12")
    if node is not None:
        jits = [alone[name] for name in peers if name != "js"]
        best = min(jits, key=lambda each: sorted(each)[rounds // 2])
        same = alone["planned"]
        section.ratio("graphql-js 17 ÷ ours", alone["js"], same, "≥ 2")
        section.ratio("ours ÷ graphql-jit (the faster of its two ways)", same, best, "≤ 1.2")
    section.ratio("ours ÷ a function by hand and orjson", ours, times["by_hand"], "≤ 1.5")
    section.ratio("ours ÷ orjson of the ready answer", ours, times["ready"], "")
    section.add("ours, alone", [each * 1000 for each in alone["planned"]], "ms")


async def _edges(section: Section, count: int, rounds: int) -> None:
    samples = [_sample(number) for number in range(count)]
    links = {each.perm_id: _link(number, each) for number, each in enumerate(samples)}
    datasets = {number: _dataset(number) for number in range(count)}
    images = {
        number: tuple(_image(number * EACH + each) for each in range(EACH)) for number in datasets
    }
    pages = {
        number: Page(rows, tuple((each.omero_id, each.omero_id) for each in rows), has_more=False)
        for number, rows in images.items()
    }
    found = Page(tuple(samples), tuple((each.code, each.code) for each in samples), has_more=False)

    async def openbis(_token: Any, asked: list[Any], _call: Any) -> list[Any]:
        return [{each.ids[0]: _project()} if hasattr(each, "ids") else found for each in asked]

    async def by_ids(_session: Any, ids: list[int], *_more: Any) -> dict[int, Any]:
        return {number: datasets[number] for number in ids}

    async def of_datasets(_session: Any, ids: list[int], *_more: Any, **_counts: Any) -> Any:
        return {number: pages[number] for number in ids}

    async def linked(perm_ids: list[str]) -> dict[str, Any]:
        return {perm_id: links[perm_id] for perm_id in perm_ids}

    omero = SimpleNamespace(image_datasets_by_ids=by_ids, images_of_datasets=of_datasets)
    make = _contexts(omero, SimpleNamespace(execute=openbis), linked)
    planned, stock = _executors(EDGES, make, {"p": "/A/B"})

    def by_hand() -> bytes:
        edges = []
        for sample in samples:
            number = links[sample.perm_id].omero_id
            below = {"edges": [{"node": _node(each)} for each in pages[number].items]}
            imaging = {"status": "LINKED", "dataset": {"images": below}}
            edges.append({"node": {"code": sample.code, "imaging": imaging}})
        return orjson.dumps({"data": {"project": {"samples": {"edges": edges}}}})

    text = await planned()
    assert text == by_hand() == await stock()
    with settled():
        for _ in range(3):
            await planned()
        works = {"planned": planned, "stock": stock, "by_hand": by_hand}
        times = await turns(rounds, works)
    leaves = _leaves(orjson.loads(text))
    section.notes.append(
        f"Through edges: {count} samples, {count * EACH} images, {leaves} leaf fields."
    )
    ours, hand = times["planned"], times["by_hand"]
    section.ratio("through edges: ours ÷ a function by hand and orjson", ours, hand, "≤ 1.6")
    section.ratio("through edges: stock Strawberry ÷ ours", times["stock"], ours, "")


async def _small(section: Section, rounds: int) -> None:
    async def openbis(_token: Any, asked: list[Any], _call: Any) -> list[Any]:
        return [{each.ids[0]: _project()} for each in asked]

    make = _contexts(SimpleNamespace(), SimpleNamespace(execute=openbis))
    planned, stock = _executors(SMALL, make, {})
    schema = build_schema()

    async def whole() -> bytes:
        result = await schema.execute(SMALL, context_value=make())
        return orjson.dumps({"data": result.data})

    assert await planned() == await stock() == await whole()
    with settled():
        works = {"planned": planned, "stock": stock, "whole": whole}
        for work in works.values():
            for _ in range(20):
                await work()
        times = await turns(rounds, works)
    ours = times["planned"]
    section.ratio(
        "small query: stock Strawberry (parse, validate, run) ÷ ours", times["whole"], ours, "≥ 1"
    )
    section.ratio("small query: stock Strawberry's run alone ÷ ours", times["stock"], ours, "≥ 1")


Make = Callable[[], RequestContext]
Run = Callable[[], Awaitable[bytes]]


def _contexts(omero: Any, openbis: Any, linked: Any = None) -> Make:
    links = SimpleNamespace(
        sample_links=linked, sample_links_of_omero=None, project_links=None,
        project_links_of_omero=None, history=None,
    )  # fmt: skip
    services: Any = SimpleNamespace(
        omero=omero, openbis=openbis, links=links, cache=SimpleNamespace(), subject_types=()
    )
    viewer = Viewer("bench", "bench", SecretStr("openbis"), SecretStr("omero"))

    def make() -> RequestContext:
        context = RequestContext(viewer, services, "bench")
        Loaders(context)
        return context

    return make


def _executors(query: str, make: Make, variables: dict[str, Any]) -> tuple[Run, Run]:
    """Return the two ways to run a parsed query: by plans, and as Strawberry does."""
    schema: Any = build_schema()._schema  # noqa: SLF001 - Strawberry names no other way
    document = parse(query)
    shelves = Shelves(eager=True)

    async def planned() -> bytes:
        result: Any = execute(schema, document, shelves, context=make(), variables=variables)
        result = await result if hasattr(result, "__await__") else result
        assert not result.errors, result.errors
        return encode({"data": result.data})

    async def stock() -> bytes:
        result: Any = experimental_execute_incrementally(
            schema,
            document,
            context_value=make(),
            variable_values=variables,
            executor_class=StrawberryGraphQLCoreExecutionContext,
            operation_extensions=None,
        )
        result = await result if hasattr(result, "__await__") else result
        return orjson.dumps({"data": result.data})

    return planned, stock


def _node_peer(folder: Path, data: Any) -> Node:
    files = {
        "schema.graphql": _peer_schema().encode(),
        "query.graphql": QUERY.encode(),
        "data.json": orjson.dumps(data),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return Node("executors.mjs", *(str(folder / name) for name in files))


def _peer_schema() -> str:
    """Return our schema without `@defer` and `@stream`, which graphql-js refuses to `execute`."""
    kwargs = build_schema()._schema.to_kwargs()  # noqa: SLF001 - Strawberry names no other way
    kwargs["directives"] = tuple(
        each for each in kwargs["directives"] if each.name not in {"defer", "stream"}
    )
    return print_schema(GraphQLSchema(**kwargs))


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def _quantity(quantity: Quantity | None) -> dict[str, Any] | None:
    return None if quantity is None else {"value": quantity.value, "unit": quantity.unit}


def _node(image: ImageRecord) -> dict[str, Any]:
    """Return the answer for an image, as one writes it by hand, of dicts."""
    objective = image.objective
    return {
        "name": image.name,
        "description": image.description,
        "format": image.format,
        "sizeX": image.size_x,
        "sizeY": image.size_y,
        "sizeZ": image.size_z,
        "sizeC": image.size_c,
        "sizeT": image.size_t,
        "pixelType": image.pixel_type,
        "significantBits": image.significant_bits,
        "acquiredAt": _moment(image.acquired_at),
        "importedAt": _moment(image.imported_at),
        "pixelSize": {
            "x": _quantity(image.pixel_size_x),
            "y": _quantity(image.pixel_size_y),
            "z": _quantity(image.pixel_size_z),
        },
        "channels": [
            {
                "index": channel.index,
                "name": channel.name,
                "fluor": channel.fluor,
                "emission": _quantity(channel.emission),
            }
            for channel in image.channels or ()
        ],
        "objective": None
        if objective is None
        else {
            "model": objective.model,
            "magnification": objective.nominal_magnification,
            "numericalAperture": objective.lens_na,
            "immersion": objective.immersion,
        },
        "keyValues": [{"key": pair.key, "value": pair.value} for pair in image.key_values or ()],
    }


def _image(number: int) -> ImageRecord:
    size = Quantity(0.1 + number % 7, "MICROMETER")
    emission = Quantity(500.0 + number % 100, "NANOMETER")
    at = AT + timedelta(seconds=number)
    channels = tuple(
        ChannelRecord(index, f"channel {index}", "GFP", emission, None, None, None, None, None)
        for index in range(2)
    )
    return ImageRecord(
        omero_id=number, name=f"image-{number:06}.tiff", description=f"tile {number}", owner_id=1,
        group_id=1, acquired_at=at, imported_at=at, format="TIFF", pixels_id=number,
        pixel_type="uint16", size_x=2048, size_y=1536, size_z=1, size_c=2, size_t=1,
        significant_bits=16, pixel_size_x=size, pixel_size_y=size, pixel_size_z=size,
        instrument_id=1, fileset_id=number, channels=channels,
        objective=ObjectiveRecord(
            1, "Zeiss", "Plan-Apochromat", 40.0, 40.1, 1.4, "Oil", None, None, None, None
        ),
        key_values=tuple(
            KeyValueRecord(number, None, key, f"{key} of {number}")
            for key in ("Modality", "Organism", "Stain")
        ),
        fetched=FACETS,
    )  # fmt: skip


def _sample(number: int) -> SampleRecord:
    code = f"QABCD{number:04}"
    return SampleRecord(f"2026-{number}", code, f"/A/{code}", AT, AT, "Q_BIOLOGICAL_SAMPLE")


def _project() -> ProjectRecord:
    fetched = frozenset({"space", "registrator", "leader"})
    return ProjectRecord("2026-1", "B", "/A/B", "A project.", AT, AT, "A", fetched=fetched)


def _dataset(number: int) -> ImageDatasetRecord:
    return ImageDatasetRecord(number, f"dataset {number}", None, 1, 1, AT, EACH)


def _link(number: int, sample: SampleRecord) -> SampleLinkRecord:
    return SampleLinkRecord(
        number, "openbis", sample.perm_id, "omero", number, LinkState.ACTIVE, "bench", 1, "bench",
        AT, AT, 1, "2026-1",
    )  # fmt: skip


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    return sum(map(_leaves, value)) if isinstance(value, list) else 1
