"""Registering the synthetic clinical project through the wire, beside the way of the seed systems.

The paper's Fig. S2B: patients with three samples each, 21 images with key-values and a tag, and two
genomes, for 1, 10, 50 and 130 patients. Ours are the durable registrations over HTTP and Ice;
beside them, in the same run and against the same servers, the same work is done as the Project
Wizard and the image registration did it: pybis and BlitzGateway, a call for each sample, image,
annotation and tag. Both servers delay every call by 5 ms and count it. Run alone with
`python -m benchmarks.registration`; `--quick` leaves out the larger sizes.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from api.production import openbis_transport
from api.registrations import with_operations
from api.settings import load_settings
from backends.demo.accounts import DEMO_PASSWORD
from backends.demo.faults import Faults
from backends.demo.omero.ice_server import OmeroIceServer
from backends.demo.omero.store import OmeroStore
from backends.demo.omero.transport import StoreTransport
from backends.demo.openbis.server import create_openbis_server
from backends.demo.openbis.serving import Alongside, listen
from backends.demo.study import build_world
from backends.errors import Source
from backends.folder import Folder
from backends.lane import Call, Lane
from backends.omero.client import OmeroClient
from backends.omero.connect import ice_transport
from backends.omero.ice_address import IceOptions, OmeroAddress
from backends.omero.write import Changes
from backends.openbis.client import OpenbisClient
from backends.sheets.mapping import CLIENT_NAMESPACE
from benchmarks.page import Section
from link_store.database import LinkDatabase
from link_store.operation_records import OperationRecord
from link_store.snapshots import SnapshotStore
from link_store.store import LinkStore
from resolvers.cohorts.shelf import Shelf
from resolvers.context import RequestContext, Services, Viewer
from resolvers.design.factorial import FactorialDesign, Stage
from resolvers.design.levels import Level
from resolvers.image_registration.request import ImageRow
from resolvers.loaders import Loaders
from resolvers.omics_registration.request import OmicsRow
from resolvers.viewers import ViewerCache
from resolvers.workflows.create_project import NewProjectRequest, create_project
from resolvers.workflows.register_design import DesignRequest, register_design
from resolvers.workflows.register_images import ImagesRequest, register_images
from resolvers.workflows.register_omics import OmicsRequest, register_omics

NAME = "registration"
TITLE = "(e) registration"
LOOPBACK = "127.0.0.1"
LATENCY = 0.005  # seconds for each call
SIZES = (1, 10, 50, 130)  # patients, as in the paper
SEED_SIZES = (1, 3)  # its cost per patient is the same for each
SAMPLES = 3  # per patient
IMAGES = (1, 10, 10)  # per sample: a CT, and H&E slides
GENOMES = 2  # per patient, of its last sample
GROUP = 3
TAG = "benchmark"


@dataclass(slots=True)
class CountingFaults(Faults):
    """Delays every call and counts it."""

    calls: int = field(default=0)

    def delay(self, method: str) -> float:  # noqa: ARG002 - as the servers call it
        """Count a call, and say how long it has to wait."""
        self.calls += 1
        return LATENCY


@dataclass(slots=True)
class Systems:
    """Both servers, and omnibis over them."""

    openbis: CountingFaults
    omero: CountingFaults
    address: str
    port: int
    services: Services
    viewer: Viewer
    inside: OmeroClient  # not through the wire, to make images beforehand
    session: SecretStr
    codes: Any = field(default_factory=lambda: (f"QB{number:03d}" for number in itertools.count(1)))

    def context(self) -> RequestContext:
        """A request of the steward."""
        context = RequestContext(self.viewer, self.services, "benchmark", Call())
        Loaders(context)
        return context

    def counted(self) -> int:
        """All calls so far, to both."""
        return self.openbis.calls + self.omero.calls

    async def images(self, count: int) -> list[int]:
        """Images that are in OMERO and in no dataset."""
        made: list[int] = []
        for start in range(0, count, 1000):
            changes = Changes()
            for number in range(start, min(count, start + 1000)):
                changes.new("Image", {"name": f"slide {number}"})
            saved = await self.inside.save(self.session, changes.items, group=GROUP, call=Call())
            made += [each.id for each in saved]
        return made


@dataclass(frozen=True, slots=True)
class Measured:
    """One registration."""

    patients: int
    seconds: float
    calls: int


@asynccontextmanager
async def opened() -> AsyncIterator[Systems]:
    """Start both servers and omnibis."""
    world = build_world()
    counting = CountingFaults(), CountingFaults()
    served = Alongside(
        create_openbis_server(world.openbis, faults=counting[0]), listen(LOOPBACK, 0)
    )
    served.start()
    store = OmeroStore(world.omero, faults=counting[1])
    with OmeroIceServer(store, host=LOOPBACK) as ice:
        settings = load_settings({}, openbis_url=served.address)
        openbis = OpenbisClient(openbis_transport(settings), Lane(Source.OPENBIS))
        address = OmeroAddress("ssl", LOOPBACK, ice.ports["ssl"])
        omero = OmeroClient(
            ice_transport(address, IceOptions(ca_file=ice.certificate)), Lane(Source.OMERO)
        )
        database = LinkDatabase("sqlite://")
        await database.migrate()
        services, operations = with_operations(
            Services(
                openbis,
                omero,
                LinkStore(database),
                SnapshotStore(database, "openbis", "omero"),
                Shelf(Folder(None)),
                ViewerCache(),
            ),
            settings,
            database,
        )
        await operations.start()
        password = SecretStr(DEMO_PASSWORD)
        inside = OmeroClient(StoreTransport(store), Lane(Source.OMERO))
        viewer = Viewer(
            "steward",
            "steward",
            await openbis.login("steward", password, Call()),
            await omero.login("steward", password, Call()),
        )
        session = await inside.login("steward", password, Call())
        try:
            yield Systems(
                *counting, served.address, ice.ports["ssl"], services, viewer, inside, session
            )
        finally:
            await operations.stop()
            await openbis.aclose()
            await omero.aclose()
            await database.dispose()
            served.stop()


async def ours(systems: Systems, patients: int) -> Measured:
    """Register a project by the durable registrations."""
    code = next(systems.codes)
    images = iter(await systems.images(patients * sum(IMAGES)))
    before, started = systems.counted(), time.perf_counter()
    context = systems.context()
    request = NewProjectRequest("CLINICAL", code, "A benchmark", image_group=GROUP)
    await _ended(systems, await create_project(context, request))
    design = FactorialDesign(
        (
            Stage(Level.ENTITY, ("Homo sapiens",), replicates=patients),
            Stage(Level.BIOLOGICAL_SAMPLE, ("Liver",), replicates=SAMPLES),
        )
    )
    levels = frozenset({Level.BIOLOGICAL_SAMPLE})
    _, record = await register_design(systems.context(), DesignRequest(code, design, levels))
    outcome = (await _ended(systems, record)).outcome or {}
    samples = [each for each in outcome["codes"] if "ENTITY" not in each]
    rows = [
        ImageRow(sample, next(images), None, ((CLIENT_NAMESPACE, "Stain", "H&E"),), (TAG,))
        for place, sample in enumerate(samples)
        for _ in range(IMAGES[place % SAMPLES])
    ]
    _, record = await register_images(systems.context(), ImagesRequest(code, tuple(rows)))
    await _ended(systems, record)
    genomes = tuple(
        OmicsRow(samples[SAMPLES * patient + 2], "Q_NGS_RAW_DATA", "OMERO", f"{code}-{patient}-{n}")
        for patient in range(patients)
        for n in range(GENOMES)
    )
    _, record = await register_omics(systems.context(), OmicsRequest(code, genomes))
    await _ended(systems, record)
    return Measured(patients, time.perf_counter() - started, systems.counted() - before)


async def _ended(systems: Systems, record: OperationRecord | None) -> OperationRecord:
    assert record is not None
    context = systems.context()
    ended = await context.operations().wait(context, record.id, 600)
    assert ended.state.value == "SUCCEEDED", ended.error
    return ended


def seed(  # noqa: PLR0915 - one thing after the other is the point
    systems: Systems, patients: int, code: str, images: list[int]
) -> Measured:
    """Register the same as the seed systems did, a call for each thing."""
    from omero.gateway import (  # noqa: PLC0415 - needs Ice
        BlitzGateway,
        MapAnnotationWrapper,
        TagAnnotationWrapper,
    )
    from omero.model import DatasetI, DatasetImageLinkI, ImageI, ProjectDatasetLinkI, ProjectI  # noqa: PLC0415
    from omero.rtypes import rstring  # noqa: PLC0415
    from pybis import Openbis  # noqa: PLC0415

    before, started = systems.counted(), time.perf_counter()
    pybis = Openbis(
        systems.address,
        verify_certificates=False,
        allow_http_but_do_not_use_this_in_production_and_only_within_safe_networks=True,
    )
    pybis.login("steward", DEMO_PASSWORD)
    gateway = BlitzGateway("steward", DEMO_PASSWORD, host=LOOPBACK, port=systems.port, secure=True)
    assert gateway.connect()
    gateway.SERVICE_OPTS.setOmeroGroup(str(GROUP))
    update = gateway.getUpdateService()

    def save(thing: Any) -> Any:
        return update.saveAndReturnObject(thing, gateway.SERVICE_OPTS)

    pybis.new_project(space="CLINICAL", code=code, description="A benchmark").save()
    project = ProjectI()
    project.name = rstring(code)
    project = save(project)
    places = {}
    for number, kind in enumerate(("Q_EXPERIMENTAL_DESIGN", "Q_SAMPLE_EXTRACTION"), 1):
        places[kind] = pybis.new_experiment(kind, f"{code}E{number}", f"/CLINICAL/{code}")
        places[kind].save()
    names = iter(range(2, 100_000))
    left = iter(images)
    tag = None

    def register(kind: str, name: str, experiment: str, parents: list[str]) -> None:
        known = pybis.get_samples(code=name)  # the Wizard asked for each whether it is there
        assert not len(known)
        pybis.new_sample(
            kind,
            code=name,
            space="CLINICAL",
            experiment=f"/CLINICAL/{code}/{experiment}",
            parents=parents,
        ).save()

    for patient in range(1, patients + 1):
        entity = f"{code}ENTITY-{patient}"
        register("Q_BIOLOGICAL_ENTITY", entity, f"{code}E1", [])
        for place in range(SAMPLES):
            sample = f"{code}{next(names):03d}AX"
            register("Q_BIOLOGICAL_SAMPLE", sample, f"{code}E2", [f"/CLINICAL/{entity}"])
            dataset = DatasetI()
            dataset.name = rstring(sample)
            dataset = save(dataset)
            link = ProjectDatasetLinkI()
            link.parent, link.child = (
                ProjectI(project.id.val, False),
                DatasetI(dataset.id.val, False),
            )
            save(link)
            for image in range(IMAGES[place]):
                pybis.get_samples(code=sample)  # which sample is it, for each row of the table
                number = next(left)
                inside = DatasetImageLinkI()
                inside.parent, inside.child = DatasetI(dataset.id.val, False), ImageI(number, False)
                save(inside)
                wrapper = gateway.getObject("Image", number)
                pairs = MapAnnotationWrapper(gateway)
                pairs.setNs(CLIENT_NAMESPACE)
                pairs.setValue([["Stain", "H&E"]])
                pairs.save()
                wrapper.linkAnnotation(pairs)
                if tag is None:
                    tag = TagAnnotationWrapper(gateway)
                    tag.setValue(TAG)
                    tag.save()
                wrapper.linkAnnotation(tag)
                register(
                    "Q_BMI_GENERIC_IMAGING_RUN",
                    f"IMG{image + 1}{sample}",
                    f"{code}E2",
                    [f"/CLINICAL/{sample}"],
                )
        for number in range(GENOMES):
            _data_set(pybis, sample, f"{code}-{patient}-{number}")
    gateway.close()
    pybis.logout()
    return Measured(patients, time.perf_counter() - started, systems.counted() - before)


def _data_set(pybis: Any, sample: str, name: str) -> None:
    pybis._post_request(  # noqa: SLF001 - pybis itself makes data sets through a data store only
        pybis.as_v3,
        {
            "method": "createDataSets",
            "params": [
                pybis.token,
                [
                    {
                        "@type": "as.dto.dataset.create.DataSetCreation",
                        "typeId": {
                            "@type": "as.dto.entitytype.id.EntityTypePermId",
                            "permId": "Q_NGS_RAW_DATA",
                            "entityKind": "DATA_SET",
                        },
                        "sampleId": {
                            "@type": "as.dto.sample.id.SampleIdentifier",
                            "identifier": f"/CLINICAL/{sample}",
                        },
                        "autoGeneratedCode": True,
                        "dataSetKind": "LINK",
                        "linkedData": {
                            "@type": "as.dto.dataset.create.LinkedDataCreation",
                            "contentCopies": [
                                {
                                    "@type": "as.dto.dataset.create.ContentCopyCreation",
                                    "externalDmsId": {
                                        "@type": "as.dto.externaldms.id.ExternalDmsPermId",
                                        "permId": "OMERO",
                                    },
                                    "externalId": name,
                                }
                            ],
                        },
                    }
                ],
            ],
        },
    )


async def measure(*, quick: bool = False) -> Section:
    """Measure both ways, for a page."""
    sizes = SIZES[:2] if quick else SIZES
    async with opened() as systems:
        await ours(systems, 1)  # what is paid once
        measured = [await ours(systems, size) for size in sizes]
        seeds = []
        for size in SEED_SIZES:
            images = await systems.images(size * sum(IMAGES))
            code = next(systems.codes)
            seeds.append(await asyncio.to_thread(seed, systems, size, code, images))
    table = [
        "| way | patients | seconds | seconds per patient | calls | calls per patient |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for way, every in (("omnibis", measured), ("as the seed systems", seeds)):
        table += [
            f"| {way} | {each.patients} | {each.seconds:.2f} | "
            f"{each.seconds / each.patients:.3f} | {each.calls} | "
            f"{each.calls / each.patients:.1f} |"
            for each in every
        ]
    told = (
        f"The synthetic project through the wire, {LATENCY * 1000:.0f} ms for each call. Each "
        f"patient: {SAMPLES} samples, {sum(IMAGES)} images with key-values and a tag, "
        f"{GENOMES} genomes."
    )
    section = Section(NAME, TITLE, [told, "\n".join(table)])
    best, other = measured[-1], seeds[-1]
    per_patient = f"the seed's way at {other.patients} patients ÷ ours at {best.patients}"
    calls = (other.calls / other.patients) / (best.calls / best.patients)
    section.add(f"calls per patient: {per_patient}", [calls], target="≥ 20")
    seconds = (other.seconds / other.patients) / (best.seconds / best.patients)
    section.add(f"seconds per patient: {per_patient}", [seconds], target="≥ 10")
    return section


if __name__ == "__main__":
    print(asyncio.run(measure(quick="--quick" in sys.argv)).markdown())
