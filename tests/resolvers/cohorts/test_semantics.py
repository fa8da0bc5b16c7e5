"""What cohorts mean, promise by promise, on installations small enough to see at once."""

from __future__ import annotations

from datetime import UTC, datetime

from backends.demo.accounts import (
    add_omero_accounts,
    add_openbis_accounts,
    omero_group,
    omero_user,
)
from backends.demo.image_import import ImageImport
from backends.demo.masterdata import add_masterdata
from backends.demo.world import DataSet, Experiment, Project, ProjectLink, Sample, SampleLink, World
from backends.filters import (
    ImageFilter,
    OmicsFilter,
    PropertyMatch,
    SampleFilter,
    StringMatch,
)
from resolvers.cohorts.evaluation import evaluate
from resolvers.cohorts.predicates import CohortPredicate, SpecimenPredicate, Unit
from tests.resolvers.cohorts.asking import request_of
from tests.resolvers.cohorts.worlds import BIOLOGICAL, ENTITY, EXTRACT, Land, open_land

AT = 1_700_000_000_000


class Bench:
    """Puts together an installation sample by sample."""

    def __init__(self) -> None:
        self.world = World()
        add_masterdata(self.world.openbis)
        add_openbis_accounts(self.world.openbis)
        add_omero_accounts(self.world.omero)
        for code, space in (("P", "CLINICAL"), ("Q", "HEPATOLOGY")):
            self.world.openbis.projects.append(Project(code, code, space, "", AT, AT, "admin"))
            self.world.openbis.experiments.append(
                Experiment(f"E{code}", f"E{code}", "Q_SAMPLE_EXTRACTION", code, {}, AT, AT, "admin")
            )
        content = self.world.omero
        self.images = ImageImport(
            content,
            None,  # type: ignore[arg-type] - nothing here is drawn
            owner=omero_user(content, "oncology"),
            group=omero_group(content, "clinical"),
            started=datetime(2024, 1, 1, tzinfo=UTC),
        )
        self.project = self.images.project("P")
        self.world.project_links.append(ProjectLink("P", self.project))

    def sample(
        self,
        name: str,
        type_: str,
        *parents: str,
        tissue: str | None = None,
        tags: tuple[str, ...] | None = None,
        genomes: int = 0,
        project: str = "P",
    ) -> None:
        """Add a sample; `tags` has one entry for each image in its dataset."""
        content = self.world.openbis
        properties = {} if tissue is None else {"Q_PRIMARY_TISSUE": tissue}
        space = {"P": "CLINICAL", "Q": "HEPATOLOGY"}[project]
        row = Sample(
            name, name, type_, space, f"E{project}", properties, list(parents), AT, AT, "admin"
        )
        content.samples.append(row)
        for _ in range(genomes):
            code = f"D{len(content.data_sets)}"
            content.data_sets.append(
                DataSet(code, "Q_NGS_RAW_DATA", "PHYSICAL", None, name, {}, AT, AT, "admin")
            )
        if tags is not None:
            dataset = self.images.dataset(self.project, name)
            self.world.sample_links.append(SampleLink(name, "P", dataset))
            for number, tag in enumerate(tags):
                image = self.images._add("Image", name=f"{name}-{number}")
                self.images._add("DatasetImageLink", parent=dataset, child=image)
                if tag:
                    self.images.tag("Image", [image], tag)

    async def cohort(
        self, where: CohortPredicate, unit: Unit = Unit.SUBJECT, user: str = "steward"
    ) -> list[str]:
        """Who belongs to a cohort."""
        async with open_land(Land(self.world)) as services:
            answer = await evaluate(await request_of(services, user), unit, where)
            assert answer.completeness.complete
            return list(answer.member_ids)


def has(**parts: object) -> CohortPredicate:
    return CohortPredicate(has=SpecimenPredicate(**parts))  # type: ignore[arg-type]


def tissue(match: StringMatch) -> SampleFilter:
    return SampleFilter(properties=(PropertyMatch("Q_PRIMARY_TISSUE", match),))


LIVER = tissue(StringMatch(eq="LIVER"))
STAINED = ImageFilter(tag=StringMatch(eq="H&E"))
GENOME = OmicsFilter(type=StringMatch(eq="Q_NGS_RAW_DATA"))


async def test_all_that_one_has_asks_for_holds_for_the_same_specimen() -> None:
    bench = Bench()
    bench.sample("ONE", ENTITY)
    bench.sample("ONE-L", BIOLOGICAL, "ONE", tissue="LIVER", tags=("H&E",))
    bench.sample("TWO", ENTITY)
    bench.sample("TWO-L", BIOLOGICAL, "TWO", tissue="LIVER", tags=("",))
    bench.sample("TWO-A", BIOLOGICAL, "TWO", tissue="ABDOMEN", tags=("H&E",))
    assert await bench.cohort(has(sample=LIVER, image=STAINED)) == ["ONE"]
    apart = CohortPredicate(all_of=(has(sample=LIVER), has(image=STAINED)))
    assert await bench.cohort(apart) == ["ONE", "TWO"]


async def test_the_candidate_itself_is_a_specimen() -> None:
    bench = Bench()
    bench.sample("ONE", ENTITY, tags=("H&E",), genomes=1)
    assert await bench.cohort(has(image=STAINED, omics=GENOME)) == ["ONE"]


async def test_data_sets_of_descendants_count_but_images_of_descendants_do_not() -> None:
    bench = Bench()
    bench.sample("ONE", ENTITY)
    bench.sample("ONE-L", BIOLOGICAL, "ONE", tissue="LIVER")
    bench.sample("ONE-X", EXTRACT, "ONE-L", tags=("H&E",), genomes=2)
    assert await bench.cohort(has(sample=LIVER, omics=GENOME)) == ["ONE"]
    assert await bench.cohort(has(sample=LIVER, omics=GENOME, at_least=2)) == ["ONE"]
    assert await bench.cohort(has(sample=LIVER, omics=GENOME, at_least=3)) == []
    assert await bench.cohort(has(sample=LIVER, image=STAINED)) == []


async def test_at_least_counts_images_else_data_sets_else_samples() -> None:
    bench = Bench()
    bench.sample("ONE", ENTITY)
    bench.sample("ONE-A", BIOLOGICAL, "ONE", tissue="LIVER", tags=("H&E", "H&E", ""), genomes=1)
    bench.sample("TWO", ENTITY)
    bench.sample("TWO-A", BIOLOGICAL, "TWO", tissue="LIVER", tags=("H&E",), genomes=1)
    bench.sample("TWO-B", BIOLOGICAL, "TWO", tissue="LIVER", tags=("H&E",), genomes=1)
    # Two images of one sample, not one image of each of two.
    assert await bench.cohort(has(image=STAINED, at_least=2)) == ["ONE"]
    assert await bench.cohort(has(image=STAINED, omics=GENOME, at_least=2)) == ["ONE"]
    # The patient itself is a sample whose descendants have two genomes.
    assert await bench.cohort(has(omics=GENOME, at_least=2)) == ["TWO"]
    assert await bench.cohort(has(sample=LIVER, at_least=2)) == ["TWO"]


async def test_a_pool_counts_for_each_of_its_subjects() -> None:
    bench = Bench()
    for name in ("ONE", "TWO", "THREE"):
        bench.sample(name, ENTITY)
    bench.sample("POOL", BIOLOGICAL, "ONE", "TWO", tissue="LIVER", tags=("H&E",))
    assert await bench.cohort(has(image=STAINED)) == ["ONE", "TWO"]


async def test_no_comparison_holds_for_a_missing_value_but_its_opposite_does() -> None:
    bench = Bench()
    for name, kind, tags in (("ONE", "LIVER", ("H&E",)), ("TWO", None, ("",)), ("SIX", "LUNG", ())):
        bench.sample(name, ENTITY)
        bench.sample(f"{name}-S", BIOLOGICAL, name, tissue=kind, tags=tags)
    unequal = tissue(StringMatch(ne="LIVER"))
    assert await bench.cohort(has(sample=unequal)) == ["SIX"]
    opposite = SampleFilter(type=StringMatch(eq=BIOLOGICAL), none_of=(LIVER,))
    assert await bench.cohort(has(sample=opposite)) == ["SIX", "TWO"]
    untagged = ImageFilter(tag=StringMatch(ne="CT"))
    assert await bench.cohort(has(image=untagged)) == ["ONE"]
    assert await bench.cohort(has(image=ImageFilter(none_of=(STAINED,)))) == ["TWO"]
    without = CohortPredicate(none_of=(has(image=STAINED),))
    assert await bench.cohort(without) == ["SIX", "TWO"]


async def test_what_the_viewer_does_not_see_does_not_exist() -> None:
    bench = Bench()
    bench.sample("ONE", ENTITY)
    bench.sample("HIDDEN", BIOLOGICAL, "ONE", project="Q", tissue="LIVER")
    bench.sample("BEYOND", EXTRACT, "HIDDEN", genomes=1)
    for person in bench.world.openbis.persons:
        if person.user_id == "oncology":
            person.roles = [role for role in person.roles if role.scope == "CLINICAL"]
    assert await bench.cohort(has(sample=LIVER)) == ["ONE"]
    assert await bench.cohort(has(sample=LIVER), user="oncology") == []
    # Lineage ends at what is hidden: the data set is there, but of whom is not to be seen.
    assert await bench.cohort(has(omics=GENOME)) == ["ONE"]
    assert await bench.cohort(has(omics=GENOME), user="oncology") == []
    assert await bench.cohort(has(omics=GENOME), Unit.SAMPLE, "oncology") == ["BEYOND"]
    # Whoever sees no images is told of none, and that is the whole answer.
    bench.sample("TWO", ENTITY, tags=("H&E",))
    assert await bench.cohort(has(image=STAINED), user="genomics") == []
    assert await bench.cohort(has(image=STAINED), user="oncology") == ["TWO"]


async def test_where_a_project_has_no_subjects_by_type_the_roots_are_some() -> None:
    bench = Bench()
    bench.sample("ONE", ENTITY)
    bench.sample("LOOSE", BIOLOGICAL)
    bench.sample("ROOT", BIOLOGICAL, project="Q")
    bench.sample("LEAF", EXTRACT, "ROOT", project="Q", genomes=1)
    assert await bench.cohort(CohortPredicate()) == ["ONE", "ROOT"]
    assert await bench.cohort(has(omics=GENOME)) == ["ROOT"]
    assert await bench.cohort(CohortPredicate(), Unit.SAMPLE) == ["LEAF", "LOOSE", "ONE", "ROOT"]
