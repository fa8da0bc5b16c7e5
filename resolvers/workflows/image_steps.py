"""The steps of REGISTER_IMAGES, and how each is taken back.

Each takes a `Run`: the rows as they were asked for, and what the steps before it have found. What a
step returns is kept as JSON and read here only. `register_images.py` has the order of the steps and
the checks before the first; how a file is imported or a record written is `image_registration`'s.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from backends.errors import ProtocolError, Source
from backends.fetch import Fetch
from backends.openbis.write import Removal
from backends.records import Kind
from backends.sheets.faults import Fault
from resolvers.design.image_datasets import SampleEnd, ensure_image_datasets, find_omero_place
from resolvers.design.project import Place
from resolvers.errors import BadInput
from resolvers.image_registration import record as records
from resolvers.image_registration.annotation import IMAGES_AT_ONCE, Annotating, annotate
from resolvers.image_registration.imports import (
    CHECKSUM_NAMESPACE,
    FileState,
    bring_in,
    look,
    take_back,
)
from resolvers.image_registration.record import ImageRecordKind
from resolvers.image_registration.request import ImageRow
from resolvers.image_registration.targets import (
    Target,
    check_images,
    find_samples,
    targets_from_json,
)
from resolvers.workflows.datasets import forget_datasets
from resolvers.workflows.definition import Json, Run

_NOTHING: Final = Fetch()


def _place(run: Run) -> Place:
    return Place(**run.input["project"])


def _rows(run: Run) -> list[ImageRow]:
    return [ImageRow.from_json(row) for row in run.input["rows"]]


def files_of(run: Run) -> list[ImageRow]:
    """The rows that files are imported for; others may speak of further images of one."""
    return [row for row in _rows(run) if row.file is not None and row.series == 0]


def _targets(run: Run) -> dict[str, Target]:
    return targets_from_json(run.results["prepare"]["targets"])


def _dataset(run: Run, sample: str) -> int:
    found: int = run.results["datasets"]["datasets"][_targets(run)[sample].perm_id]
    return found


def _state(run: Run, number: int) -> FileState:
    kept = run.results["look"][number]
    return FileState(kept["name"], kept["size"], kept["sha1"], tuple(kept["images"]))


async def prepare(run: Run) -> Json:
    """The samples, and which images are in which datasets before anything is done."""
    faults: list[Fault] = []
    rows = _rows(run)
    targets = await find_samples(run.context, _place(run), rows, faults)
    await check_images(run.context, rows, faults)
    if faults:
        raise BadInput(f"The rows have {len(faults)} faults by now. {faults[0]}.")
    ids = [row.image_id for row in rows if row.image_id is not None]
    places = await run.context.services.omero.image_datasets_of_images(
        run.context.omero_session(), ids, run.context.call
    )
    perm_ids = {target.perm_id for target in targets.values()}
    store = run.context.services.links
    linked = await run.stored("sampleLinks", store.sample_links(tuple(perm_ids)))
    return {
        "targets": {name: target.to_json() for name, target in targets.items()},
        "unlinked": sorted(perm_ids - linked.keys()),
        "before": [[number, each.omero_id] for number, its in places.items() for each in its],
    }


async def provide_datasets(run: Run) -> Json:
    """Find the datasets of the samples, and make and link those that are missing."""
    targets = {each.perm_id: each for each in _targets(run).values()}
    store = run.context.services.links
    linked = await run.stored("sampleLinks", store.sample_links(tuple(targets)))
    datasets = {perm_id: link.omero_id for perm_id, link in linked.items()}
    if missing := [each for perm_id, each in targets.items() if perm_id not in datasets]:
        place = await find_omero_place(run.context, _place(run))
        if place is None:
            raise BadInput(f"{_place(run).code} has no OMERO project: link one first.")
        wanted = [SampleEnd(each.perm_id, each.code, each.name) for each in missing]
        datasets |= await ensure_image_datasets(run.context, _place(run), place, wanted)
    return {"datasets": datasets}


async def withdraw_datasets(run: Run) -> None:
    """Take back the datasets that were made."""
    if run.results["prepare"]["unlinked"]:
        await forget_datasets(run, run.results["prepare"]["unlinked"])


async def look_at_file(run: Run) -> Json:
    """Look whether a file can be imported, and whether OMERO has it already."""
    row = files_of(run)[run.part]
    state = await look(run.context, row.file or "", _dataset(run, row.sample))
    earlier = run.results.get("look") or ()
    twin = next((each for each in earlier if each["sha1"] == state.sha1), None)
    if twin is not None:
        raise BadInput(f"{state.name} and {twin['name']} are the same file: give one of them.")
    return state.to_json()


async def import_file(run: Run) -> Json:
    """Import a file, unless OMERO has it where it belongs."""
    row = files_of(run)[run.part]
    state = _state(run, run.part)
    images = await bring_in(run.context, state, _dataset(run, row.sample), again=run.again)
    return {"images": list(images), "duplicate": bool(state.images)}


async def withdraw_files(run: Run) -> None:
    """Take back what was imported."""
    kept = run.results.get("import") or ()
    for number, row in enumerate(files_of(run)):
        if number > len(kept):
            break  # the part that stopped it is the last that can have been begun
        images = kept[number]["images"] if number < len(kept) else ()
        state = _state(run, number)
        if not state.images:
            await take_back(run.context, state, images, _dataset(run, row.sample))


def _wanted(run: Run) -> dict[int, list[int]]:
    """Images that exist, by the dataset that they are to be in."""
    wanted: dict[int, list[int]] = {}
    for row in _rows(run):
        if row.image_id is not None:
            wanted.setdefault(_dataset(run, row.sample), []).append(row.image_id)
    return wanted


async def put_images(run: Run) -> Json:
    """Put images that exist into the datasets of their samples."""
    session, call, omero = run.context.omero_session(), run.context.call, run.context.services.omero
    wanted = _wanted(run)
    there = await omero.image_datasets_by_ids(session, tuple(wanted), _NOTHING, call)
    before = {(number, dataset) for number, dataset in run.results["prepare"]["before"]}
    count = 0
    for dataset, ids in wanted.items():
        if dataset not in there:
            raise BadInput(f"You do not see dataset {dataset} in OMERO: ask for the right.")
        new = [number for number in ids if (number, dataset) not in before]
        if new:
            group = there[dataset].group_id
            count += await omero.link_images(session, dataset, new, group=group, call=call)
    return {"linked": count}


async def take_images_out(run: Run) -> None:
    """Take images out of the datasets that they were put into."""
    session, call, omero = run.context.omero_session(), run.context.call, run.context.services.omero
    wanted = _wanted(run)
    there = await omero.image_datasets_by_ids(session, tuple(wanted), _NOTHING, call)
    before = {(number, dataset) for number, dataset in run.results["prepare"]["before"]}
    for dataset, record in there.items():
        new = [number for number in wanted[dataset] if (number, dataset) not in before]
        await omero.unlink(
            session, "DatasetImageLink", dataset, new, group=record.group_id, call=call
        )


def _registered(run: Run) -> dict[str, list[int]]:
    """All images, by what the rows call their samples."""
    found: dict[str, list[int]] = {}
    imported = iter(run.results.get("import") or ())
    for row in _rows(run):
        if row.image_id is not None:
            found.setdefault(row.sample, []).append(row.image_id)
        elif row.series == 0:
            found.setdefault(row.sample, []).extend(next(imported)["images"])
    return found


async def verify_places(run: Run) -> Json:
    """See that OMERO shows each image in the dataset of its sample."""
    wanted = {
        number: _dataset(run, sample) for sample, ids in _registered(run).items() for number in ids
    }
    places = await run.context.services.omero.image_datasets_of_images(
        run.context.omero_session(), tuple(wanted), run.context.call
    )
    for number, dataset in wanted.items():
        if dataset not in {each.omero_id for each in places.get(number, ())}:
            raise ProtocolError(
                Source.OMERO, f"OMERO does not show image {number} in dataset {dataset}."
            )
    return {"images": len(wanted)}


def _recorded(run: Run) -> list[tuple[Target, list[int]]]:
    """The samples with their images; names of one sample come together."""
    targets = _targets(run)
    found: dict[str, tuple[Target, list[int]]] = {}
    for sample, ids in _registered(run).items():
        target = targets[sample]
        found.setdefault(target.perm_id, (target, []))[1].extend(ids)
    return list(found.values())


def record_parts(run: Run) -> int:
    """How many transactions the records take."""
    return records.parts(len(_recorded(run)))


async def record_images(run: Run) -> Json:
    """Write a batch of the records in openBIS."""
    start = run.part * records.ROWS
    made = await records.record(
        run.context,
        _place(run),
        _recorded(run)[start : start + records.ROWS],
        key=f"{run.id}-{run.part}",
        kind=ImageRecordKind(run.input["record"]),
        system=run.input["system"],
    )
    return {"records": [each.perm_id for each in made]}


async def withdraw_records(run: Run) -> None:
    """Take back the records in openBIS."""
    kept = [each for part in run.results.get("record") or () for each in part["records"]]
    if not kept:
        return
    data_sets = run.input["record"] == ImageRecordKind.LINK_DATA_SET
    kind = Kind.OMICS_DATASET if data_sets else Kind.SAMPLE
    gone = Removal(kind, tuple(kept), f"omnibis: operation {run.id} was undone")
    await run.context.services.openbis.transact(
        run.context.openbis_token(), [gone], run.context.call
    )


def _annotations(run: Run) -> list[Annotating]:
    wanted: list[Annotating] = []
    files = zip(
        files_of(run), run.results.get("import") or (), run.results.get("look") or (), strict=True
    )
    brought = {(row.sample, row.file): (its["images"], state) for row, its, state in files}
    rows = _rows(run)
    speaking = Counter((row.sample, row.file) for row in rows)
    for row in rows:
        if row.image_id is not None:
            wanted.append(Annotating(row.image_id, row.pairs, row.tags))
            continue
        images, state = brought[row.sample, row.file]
        if speaking[row.sample, row.file] == len(images):
            images = images[row.series : row.series + 1]  # a row for each of them
        told = (
            (CHECKSUM_NAMESPACE, "file", state["name"]),
            (CHECKSUM_NAMESPACE, "SHA-1", state["sha1"]),
        )
        wanted += [Annotating(each, (*row.pairs, *told), row.tags) for each in images]
    return _merged(wanted)


def _merged(wanted: Sequence[Annotating]) -> list[Annotating]:
    """Each image once, with all that is said of it."""
    found: dict[int, Annotating] = {}
    for each in wanted:
        known = found.get(each.image_id, Annotating(each.image_id))
        pairs = tuple(dict.fromkeys((*known.pairs, *each.pairs)))
        tags = tuple(dict.fromkeys((*known.tags, *each.tags)))
        found[each.image_id] = Annotating(each.image_id, pairs, tags)
    return [each for each in found.values() if each.pairs or each.tags]


def annotation_parts(run: Run) -> int:
    """How many batches the key-values and tags take; none where nothing is said."""
    return -(-len(_annotations(run)) // IMAGES_AT_ONCE)


async def annotate_images(run: Run) -> Json:
    """Write the key-values and tags of a batch of images."""
    start = run.part * IMAGES_AT_ONCE
    told = await annotate(run.context, _annotations(run)[start : start + IMAGES_AT_ONCE])
    return {"annotations": told.annotations, "tags": told.tags}


def outcome_of(run: Run) -> Json:
    """What has been registered, for whoever asked."""
    annotated = run.results.get("annotate") or ()
    imported = run.results.get("import") or ()
    images = [number for ids in _registered(run).values() for number in ids]
    return {
        "project": run.input["project"]["perm_id"],
        "images": images,
        "counts": {
            "images": len(images),
            "importedFiles": sum(not each["duplicate"] for each in imported),
            "duplicateFiles": sum(each["duplicate"] for each in imported),
            "annotations": sum(each["annotations"] for each in annotated),
            "tags": sum(each["tags"] for each in annotated),
            "records": sum(len(each["records"]) for each in run.results.get("record") or ()),
        },
    }
