"""Members read in full: each subject with the specimens, data sets and images that put it in.

A page of members costs a number of calls that its rows do not change: the members with their
descendants, then per `has` the samples, data sets and images among those. A data set stands with
the nearest specimen above it. Called by `answer.py`, by snapshots and by exports, which ask for ids
that were frozen.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from backends.errors import BackendError
from backends.fetch import NOTHING_MORE
from backends.filters import ImageFilter, OmicsFilter, Page, PageRequest
from backends.records import ImageRecord, OmicsDatasetRecord, SampleRecord
from resolvers.cohorts.answer import CohortMember, MemberFetch, Specimen, page_of
from resolvers.cohorts.finding import WITH_DESCENDANTS, Finder
from resolvers.cohorts.lineage import Lineage
from resolvers.cohorts.predicates import Question, SpecimenPredicate
from resolvers.cohorts.shapes import conditions, strict
from resolvers.context import RequestContext
from resolvers.errors import NotSignedIn
from resolvers.imaging import ID_ORDER, ImagingStatus, why_missing
from resolvers.loaders import Member
from resolvers.paging import MAXIMUM_PAGE


@dataclass(slots=True)
class _Evidence:
    """What one `has` found among some samples."""

    specimens: set[str]
    omics: dict[str, list[OmicsDatasetRecord]] = field(default_factory=dict)  # by own sample
    images: dict[str, list[ImageRecord]] = field(default_factory=dict)
    datasets: dict[str, int] = field(default_factory=dict)  # linked in OMERO
    imaging: dict[str, ImagingStatus] = field(default_factory=dict)  # where images were asked for


async def page_of_members(
    context: RequestContext,
    question: Question,
    ids: Sequence[str],
    page: PageRequest,
    fetch: MemberFetch | None = None,
) -> Page[CohortMember]:
    """Read one page out of the sorted ids of all members."""
    shown, has_more = page_of(ids, page)
    found = await read_members(context, question, shown, fetch or MemberFetch())
    return Page(
        items=tuple(found[each] for each in shown if each in found),
        keys=tuple((each, each) for each in shown if each in found),
        has_more=has_more,
        total=len(ids) if page.count else None,
    )


async def read_members(
    context: RequestContext, question: Question, ids: Collection[str], fetch: MemberFetch
) -> dict[str, CohortMember]:
    """Read members by permId; those that the viewer does not see (any more) are missing.

    While OMERO does not answer, `Specimen.imaging` says so and the images are missing.

    Raises:
        BackendError: openBIS did not answer.
    """
    finder = Finder(context)
    records = await finder.records(ids, fetch.subject | WITH_DESCENDANTS)
    trees = {record.perm_id: _Tree(record) for record in records}
    samples = {each for tree in trees.values() for each in tree.samples}
    wanted = list(dict.fromkeys(conditions(question.where))) or [SpecimenPredicate()]
    below: dict[str, set[str]] = defaultdict(set)
    for tree in trees.values():
        for sample in tree.samples:
            for above in tree.above(sample):
                below[above].add(sample)
    reader = _Reader(context, finder, fetch, below)
    found = await asyncio.gather(*(reader.read(has, samples) for has in wanted))
    named = {each for evidence in found for each in evidence.specimens}
    specimens = {record.perm_id: record for record in await finder.records(named, fetch.specimen)}
    return {
        perm_id: _member(trees[perm_id], list(zip(wanted, found, strict=True)), specimens)
        for perm_id in ids
        if perm_id in trees
    }


class _Tree(Lineage):
    """A member and its descendants."""

    def __init__(self, root: SampleRecord) -> None:
        super().__init__()
        self.root = root
        self.samples = sorted(self.add_tree(root))

    def nearest(self, sample: str, among: Collection[str]) -> list[str]:
        """The nearest of some samples, going up from one."""
        for generation in self.generations(sample):
            found = [each for each in generation if each in among]
            if found:
                return found
        return []


class _Reader:
    """Reads what fulfils a `has` among given samples."""

    def __init__(
        self,
        context: RequestContext,
        finder: Finder,
        fetch: MemberFetch,
        below: dict[str, set[str]],
    ) -> None:
        self._context = context
        self._finder = finder
        self._fetch = fetch
        self._below = below

    async def read(self, has: SpecimenPredicate, samples: set[str]) -> _Evidence:
        bare = has.omics is None and has.image is None
        known = samples
        if has.sample is not None:
            known = await self._finder.samples_among(has.sample, samples, None)
        evidence = _Evidence(set(known))
        if has.omics is not None or (bare and self._fetch.wants_omics):
            await self._omics(has, evidence, demanded=has.omics is not None)
        if has.image is not None or (bare and self._fetch.wants_images):
            await self._images(has, evidence, demanded=has.image is not None)
        return evidence

    async def _omics(self, has: SpecimenPredicate, evidence: _Evidence, *, demanded: bool) -> None:
        own = {each for sample in evidence.specimens for each in self._below[sample]}
        filter_ = has.omics or OmicsFilter()
        omics: dict[str, list[OmicsDatasetRecord]] = defaultdict(list)
        for record in await self._finder.data_sets(filter_, own, self._fetch.omics):
            if record.sample is not None:
                omics[record.sample.perm_id].append(record)
        evidence.omics = omics
        if demanded:
            least = 1 if has.image is not None else has.at_least
            evidence.specimens = {
                sample
                for sample in evidence.specimens
                if sum(len(omics.get(each, ())) for each in self._below[sample]) >= least
            }

    async def _images(self, has: SpecimenPredicate, evidence: _Evidence, *, demanded: bool) -> None:
        images: dict[int, list[ImageRecord]] = {}
        try:
            evidence.datasets = await self._finder.linked(evidence.specimens)
            states = await states_of_datasets(self._context, set(evidence.datasets.values()))
            images = await self._images_of(
                strict(has.image or ImageFilter()),
                [each for each, state in states.items() if state is ImagingStatus.LINKED],
            )
        except (BackendError, NotSignedIn):
            evidence.imaging = dict.fromkeys(evidence.specimens, ImagingStatus.UNAVAILABLE)
            return
        evidence.imaging = {
            sample: states[evidence.datasets[sample]]
            if sample in evidence.datasets
            else ImagingStatus.NOT_LINKED
            for sample in evidence.specimens
        }
        evidence.images = {
            sample: images[dataset]
            for sample, dataset in evidence.datasets.items()
            if dataset in images
        }
        if demanded:
            enough = {s for s, shown in evidence.images.items() if len(shown) >= has.at_least}
            evidence.specimens &= enough

    async def _images_of(
        self, filter_: ImageFilter, datasets: Collection[int]
    ) -> dict[int, list[ImageRecord]]:
        context, fetch = self._context, self._fetch.image
        found: dict[int, list[ImageRecord]] = {}
        keys = {PageRequest(MAXIMUM_PAGE, ID_ORDER): list(datasets)}
        while keys:
            page, asked = keys.popitem()
            pages = await context.noted(
                context.services.omero.images_of_datasets(
                    context.omero_session(), asked, filter_, page, fetch, context.call
                )
            )
            for dataset, part in pages.items():
                if part.items:
                    found.setdefault(dataset, []).extend(part.items)
                if part.has_more:
                    keys.setdefault(page.beyond(part.keys[-1]), []).append(dataset)
        return found


def _member(
    tree: _Tree,
    found: list[tuple[SpecimenPredicate, _Evidence]],
    records: dict[str, SampleRecord],
) -> CohortMember:
    omics: dict[str, dict[str, OmicsDatasetRecord]] = defaultdict(dict)
    images: dict[str, dict[int, ImageRecord]] = defaultdict(dict)
    imaging: dict[str, ImagingStatus] = {}
    datasets: dict[str, int] = {}
    shown: dict[str, None] = {}
    for has, evidence in found:
        own = [each for each in tree.samples if each in evidence.specimens]
        datasets.update(evidence.datasets)
        for sample in tree.samples:
            for data_set in evidence.omics.get(sample, ()):
                for specimen in tree.nearest(sample, evidence.specimens):
                    omics[specimen][data_set.perm_id] = data_set
        for specimen in own:
            images[specimen].update((i.omero_id, i) for i in evidence.images.get(specimen, ()))
            if specimen in evidence.imaging:
                imaging[specimen] = evidence.imaging[specimen]
            # Of an omics condition without more, every ancestor of the data set is a specimen;
            # the ones that stand for it are those nearest to it.
            if has.omics is None or has.image is not None or omics[specimen]:
                shown[specimen] = None
    return CohortMember(
        tree.root,
        tuple(
            Specimen(
                records[each],
                tuple(omics[each].values()),
                tuple(images[each].values()),
                image_dataset=datasets.get(each),
                imaging=imaging.get(each),
            )
            for each in sorted(shown)
            if each in records
        ),
    )


async def states_of_datasets(
    context: RequestContext, datasets: Collection[int]
) -> dict[int, ImagingStatus]:
    """Whether the viewer sees each linked OMERO dataset, and if not, why.

    Raises:
        BackendError: OMERO did not answer.
        NotSignedIn: the viewer has no session there.
    """
    if not datasets:
        return {}
    ordered = sorted(datasets)
    keys = [Member(each, NOTHING_MORE) for each in ordered]
    found = await context.loaders.image_datasets.load_many(keys)
    states = dict.fromkeys(ordered, ImagingStatus.LINKED)
    missing = [each for each, record in zip(ordered, found, strict=True) if record is None]
    if missing:
        states |= dict.fromkeys(missing, await why_missing(context))
    return states
