"""The scenarios of what is registered into projects: designs, images, omics data, annotations.

See `scenarios.py`, which has those of projects and samples themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from backends.fetch import Fetch
from backends.filters import PageRequest, SampleFilter, Sort, StringMatch
from backends.lane import Call
from backends.openbis.client import Search
from backends.records import Kind
from link_store.operation_records import OperationRecord
from resolvers.context import RequestContext
from resolvers.design.factorial import DesignFactor, FactorialDesign, Stage
from resolvers.design.levels import Level
from resolvers.design.preparation import SheetSource
from resolvers.image_registration.annotation import Annotating
from resolvers.image_registration.request import ImageRow
from resolvers.omics_registration.request import OmicsRow
from resolvers.workflows.annotate_images import annotate_images
from resolvers.workflows.register_design import DesignRequest, register_design
from resolvers.workflows.register_images import ImagesRequest, register_images
from resolvers.workflows.register_omics import OmicsRequest, register_omics
from tests.resolvers.workflows.worlds import Given, add_image, done, linked_project

if TYPE_CHECKING:
    from tests.resolvers.workflows.laboratory import Desk

SYSTEM = "ARCHIVE"
MICE = FactorialDesign(
    (
        Stage(
            Level.ENTITY,
            factors=(DesignFactor("genotype", ("wt", "ko")),),
            properties=(("Q_NCBI_ORGANISM", "9606"),),
        ),
        Stage(Level.BIOLOGICAL_SAMPLE, choices=("liver",)),
    ),
)


async def samples_of(desk: Desk, code: str) -> list[Any]:
    """The samples whose codes begin with a project's."""
    where = SampleFilter(code=StringMatch(starts_with=code))
    search = Search(Kind.SAMPLE, where, PageRequest(99, Sort("code")), Fetch.of("type"))
    (page,) = await desk.openbis.execute(desk.token, [search], Call())
    return list(page.items)


class RegisterDesign:
    """Two animals with a liver each, and a dataset for each liver."""

    async def prepare(self, desk: Desk) -> Given:
        return await linked_project(desk, 0)

    async def ask(self, context: RequestContext, given: Given, key: str) -> OperationRecord | None:
        request = DesignRequest(
            given["permId"], MICE, image_levels=frozenset({Level.BIOLOGICAL_SAMPLE})
        )
        if "sheet" in given:
            sheet = SheetSource(given["sheet"].encode(), "\t", given["mapping"])
            request = DesignRequest(given["permId"], sheet, create_missing=True)
        preview, record = await register_design(context, request, key=key)
        assert record is not None, preview
        return record

    async def examine(self, desk: Desk, given: Given, record: OperationRecord) -> None:
        samples = await samples_of(desk, given["code"])
        kinds = sorted(each.type_code for each in samples)
        tissues = [each for each in samples if each.type_code == "Q_BIOLOGICAL_SAMPLE"]
        wanted = ["Q_BIOLOGICAL_ENTITY"] * 2 + ["Q_BIOLOGICAL_SAMPLE"] * 2
        assert kinds == (wanted if done(record) else [])
        datasets = await desk.rows(
            "select d.id, d.name from ProjectDatasetLink l join l.child d where l.parent.id = :id",
            id=given["imageProject"],
        )
        assert sorted(name for _, name in datasets) == sorted(each.code for each in tissues)
        links = await desk.links.sample_links([each.perm_id for each in samples])
        assert {links[each.perm_id].omero_id for each in tissues} == {row[0] for row in datasets}
        assert len(links) == len(tissues)


class RegisterImages:
    """Two images that are in OMERO, put into the dataset of a sample that has one."""

    async def prepare(self, desk: Desk) -> Given:
        given = await linked_project(desk, 1)
        images = [await add_image(desk, None, f"{given['code']}-{n}.tif") for n in (1, 2)]
        return {**given, "images": images}

    async def ask(self, context: RequestContext, given: Given, key: str) -> OperationRecord | None:
        rows = tuple(
            ImageRow(
                f"{given['code']}001A",
                image_id=image,
                pairs=(("test", "stain", "H&E"),),
                tags=(f"tag {given['code']}",),
            )
            for image in given["images"]
        )
        request = ImagesRequest(given["permId"], rows)
        preview, record = await register_images(context, request, key=key)
        assert record is not None, preview
        return record

    async def examine(self, desk: Desk, given: Given, record: OperationRecord) -> None:
        put = await desk.rows(
            "select l.child.id from DatasetImageLink l where l.parent.id = :id",
            id=given["imageDatasets"][0],
        )
        expected = given["images"] if done(record) else []
        assert sorted(row[0] for row in put) == sorted(expected)
        runs = [
            each
            for each in await samples_of(desk, "IMG")
            if each.code.endswith(f"{given['code']}001A")
        ]
        assert len(runs) == int(done(record)), "one imaging run, or none"
        if done(record):
            await _annotated_once(desk, given)


async def _annotated_once(desk: Desk, given: Given) -> None:
    """Each image has its pairs and its tag, once."""
    pairs = await desk.rows(
        "select l.parent.id, mv.value from ImageAnnotationLink l join l.child a join a.mapValue mv"
        " where a.ns = 'test' and l.parent.id in (:ids)",
        ids=tuple(given["images"]),
    )
    assert sorted(row[0] for row in pairs) == sorted(given["images"])
    tags = await desk.rows(
        "select l.parent.id from ImageAnnotationLink l join l.child t"
        " where t.class = TagAnnotation and t.textValue = :text",
        text=f"tag {given['code']}",
    )
    assert sorted(row[0] for row in tags) == sorted(given["images"])


class RegisterOmics:
    """Reads and what was made of them."""

    async def prepare(self, desk: Desk) -> Given:
        await _external_system(desk)
        return await linked_project(desk, 1)

    async def ask(self, context: RequestContext, given: Given, key: str) -> OperationRecord | None:
        sample = f"{given['code']}001A"
        rows = (
            OmicsRow(sample, "Q_NGS_RAW_DATA", SYSTEM, f"{sample}.fastq"),
            OmicsRow(
                sample, "Q_NGS_RAW_DATA", SYSTEM, f"{sample}.vcf", parents=(f"{sample}.fastq",)
            ),
        )
        request = OmicsRequest(given["permId"], rows)
        preview, record = await register_omics(context, request, key=key)
        assert record is not None, preview
        return record

    async def examine(self, desk: Desk, given: Given, record: OperationRecord) -> None:
        sample = await desk.get(
            Kind.SAMPLE, given["samples"][0], omics_datasets=Fetch.of("content_copies", "parents")
        )
        codes = sorted(
            copy.external_code for each in sample.omics_datasets for copy in each.content_copies
        )
        name = f"{given['code']}001A"
        assert codes == ([f"{name}.fastq", f"{name}.vcf"] if done(record) else [])
        lineage = [parent for each in sample.omics_datasets for parent in each.parents]
        assert len(lineage) == int(done(record))


async def _external_system(desk: Desk) -> None:
    """See that openBIS knows the archive."""
    name = "as.dto.externaldms"
    answer = await desk.openbis._wire.call(
        "getExternalDataManagementSystems",
        [
            desk.token.get_secret_value(),
            [{"@type": f"{name}.id.ExternalDmsPermId", "permId": SYSTEM}],
            {"@type": f"{name}.fetchoptions.ExternalDmsFetchOptions"},
        ],
        Call(),
    )
    if SYSTEM not in answer:
        creation = {
            "@type": f"{name}.create.ExternalDmsCreation",
            "code": SYSTEM,
            "label": "Archive",
            "address": "https://archive.example/${code}",
            "addressType": "URL",
        }
        await desk.openbis._wire.call(
            "createExternalDataManagementSystems",
            [desk.token.get_secret_value(), [creation]],
            Call(),
        )


class AnnotateImages:
    """Pairs and a tag for two images."""

    async def prepare(self, desk: Desk) -> Given:
        code = desk.code()
        return {
            "code": code,
            "images": [await add_image(desk, None, f"{code}-{n}") for n in (1, 2)],
        }

    async def ask(self, context: RequestContext, given: Given, key: str) -> OperationRecord | None:
        wanted = [
            Annotating(image, (("test", "stain", "H&E"),), (f"tag {given['code']}",))
            for image in given["images"]
        ]
        return await annotate_images(context, wanted, key=key)

    async def examine(self, desk: Desk, given: Given, record: OperationRecord) -> None:
        assert done(record)
        await _annotated_once(desk, given)
