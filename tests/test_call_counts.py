from __future__ import annotations

import pytest

from tests.house import README_QUERY, House

pytestmark = pytest.mark.asyncio(loop_scope="module")

BIOLOGICAL = "Q_BIOLOGICAL_SAMPLE"


async def calls(house: House, query: str, token: str | None = None, **variables: object) -> object:
    answer = await house.ask(query, token, **variables)
    assert "errors" not in answer, answer["errors"]
    cost = answer["extensions"]["cost"]["calls"]
    return cost["openbis"], cost["omero"], cost["linkStore"]


@pytest.mark.parametrize("first", [1, 10, 200, 390])
async def test_the_federated_query_costs_seven_calls_for_any_number_of_samples(
    open_door: House, first: int
) -> None:
    variables = {"project": "QCLIN", "first": first, "type": BIOLOGICAL}
    # The project by its code, its samples with all that openBIS knows of them; the links; the
    # datasets with their counts, the images with their optics, channels, key-values.
    assert await calls(open_door, README_QUERY, **variables) == (2, 4, 1)


@pytest.mark.parametrize("user", ["steward", "plant", "oncology", "genomics"])
@pytest.mark.parametrize("project", ["QRUP2", "QCLIN", "QHCC0"])
async def test_no_user_pays_more_than_eight(open_door: House, user: str, project: str) -> None:
    token = await open_door.login(user)
    asked = {"project": project, "first": 390, "type": BIOLOGICAL}
    answer = await open_door.ask(README_QUERY, token, **asked)
    # One more for the one who finds out that a dataset is gone: it is noted, once.
    assert answer["extensions"]["cost"]["totalCalls"] <= 9
    answer = await open_door.ask(README_QUERY, token, **asked)
    assert answer["extensions"]["cost"]["totalCalls"] <= 8


async def test_pairs_of_a_namespace_come_with_their_images(open_door: House) -> None:
    query = """query ($first: Int!) { images(first: $first) { edges { node {
        ours: keyValues(namespace: "omnibis") { key value } all: keyValues { key }
        objective { magnification model }
    } } } }"""
    assert await calls(open_door, query, first=20) == (0, 2, 0)


async def test_samples_without_images_do_not_ask_omero(open_door: House) -> None:
    variables = {"project": "QCLIN", "first": 50, "type": "Q_TEST_SAMPLE"}
    assert await calls(open_door, README_QUERY, **variables) == (2, 0, 1)


async def test_what_is_not_selected_is_not_fetched(open_door: House) -> None:
    assert await calls(open_door, '{ project(identifier: "/CLINICAL/QCLIN") { code } }') == (
        1,
        0,
        0,
    )
    query = '{ project(identifier: "QCLIN") { samples(first: 100) { totalCount } } }'
    assert await calls(open_door, query) == (2, 0, 0)


@pytest.mark.parametrize("first", [5, 200])
async def test_from_images_back_to_their_subjects(open_door: House, first: int) -> None:
    query = """query ($first: Int!) { images(first: $first) { edges { node {
        name dataset { name sample { code project { code } } } subject { code }
    } } } }"""
    # The page; the datasets of its images; their links; samples and subjects in one round trip.
    assert await calls(open_door, query, first=first) == (1, 2, 1)


@pytest.mark.parametrize("first", [1, 3])
async def test_lists_below_a_list_travel_together(open_door: House, first: int) -> None:
    query = """query ($first: Int!) { projects(first: $first) { edges { node {
        code
        samples(first: 5) { totalCount edges { node { code experiment { code } } } }
        experiments(first: 5) { edges { node { code type { code } } } }
        statistics { samples omicsDatasets subjects }
    } } } }"""
    assert await calls(open_door, query, first=first) == (2, 0, 0)


async def test_types_are_read_once_and_remembered(open_door: House) -> None:
    query = """{ project(identifier: "QCLIN") { samples(first: 200) { edges { node {
        type { code description } properties { code label term { label } }
    } } } } }"""
    first, _, _ = await calls(open_door, query)  # type: ignore[misc]
    assert first <= 5
    assert await calls(open_door, query) == (2, 0, 0)


@pytest.mark.parametrize(("project", "expected"), [("QHCC0", (2, 5, 3)), ("QCLIN", (3, 5, 3))])
async def test_an_audit_costs_a_call_per_thousand_samples(
    open_door: House, project: str, expected: tuple[int, int, int]
) -> None:
    query = "query ($p: String!) { linkAudit(project: $p) { samples findings { kind } } }"
    await open_door.data(query, p=project)  # who one is, and sees, is remembered for a minute
    assert await calls(open_door, query, p=project) == expected


PAPER = """
  project: {code: {eq: "QCLIN"}}
  and: [
    {has: {
      sample: {property: [{code: "Q_PRIMARY_TISSUE", string: {eq: "ABDOMEN"}}]}
      image: {modality: {eq: "CT"}}
    }}
    {has: {
      sample: {property: [{code: "Q_DIGNITY", string: {eq: "MALIGNANT"}}]}
      image: {
        tag: {eq: "H&E"}
        pixelSize: {between: [{value: 0.25, unit: MICROMETER}, {value: 0.6, unit: MICROMETER}]}
      }
      atLeast: 5
    }}
    {has: {
      sample: {property: [{code: "Q_DIGNITY", string: {eq: "MALIGNANT"}}]}
      omics: {type: {eq: "Q_NGS_RAW_DATA"}}
    }}
  ]
"""


@pytest.mark.parametrize(
    ("where", "fields", "expected"),
    [
        # Candidates, projects in scope, whether they have subjects; the counts for the plan; one
        # call for each sample filter and each data set filter; per image filter one call to OMERO
        # and one for the links.
        (PAPER, "totalCount", (8, 2, 2)),
        # A funnel starts from all subjects, those of projects without any by type included.
        (PAPER, "totalCount funnel { subjects samples }", (12, 2, 2)),
        # openBIS alone decides: counted and not read.
        ('project: {code: {eq: "QCLIN"}}', "totalCount", (3, 0, 0)),
        # Over all projects one has no subjects by type: those by root have to be looked at.
        ('self: {property: [{code: "Q_GENDER", string: {eq: "MALE"}}]}', "totalCount", (4, 0, 0)),
        # Nothing is left to ask about: the images are not looked for.
        (
            'project: {code: {eq: "NONE"}}, has: {image: {tag: {eq: "CT"}}}',
            "totalCount",
            (2, 0, 0),
        ),
        # The plan alone: candidates are counted with everything else.
        (PAPER, "explain { estimatedCalls { total } }", (1, 0, 0)),
    ],
)
async def test_a_cohort_costs_what_its_clauses_do(
    open_door: House, where: str, fields: str, expected: tuple[int, int, int]
) -> None:
    assert await calls(open_door, "{ cohort(where: {" + where + "}) { " + fields + " } }") == (
        expected
    )


@pytest.mark.parametrize("first", [1, 10, 130])
async def test_a_page_of_members_costs_no_more_for_any_number(open_door: House, first: int) -> None:
    fields = """members(first: %d) { edges { node {
      subject { code }
      specimens { sample { code } images { name keyValues { key } } omicsDatasets { code } }
    } } }"""
    query = "{ cohort(where: {" + PAPER + "}) { " + fields % first + " } }"
    base = await calls(open_door, "{ cohort(where: {" + PAPER + "}) { totalCount } }")
    openbis, omero, links = await calls(open_door, query)  # type: ignore[misc]
    # The members with their descendants; per `has` its samples, data sets; the specimens. Per image
    # filter the datasets, how many images they have, which, and their pairs; links once each. What
    # two filters ask for in the same moment travels together.
    at_most = tuple(map(sum, zip(base, (6, 8, 2), strict=True)))  # type: ignore[call-overload]
    assert (openbis, links) == (at_most[0], at_most[2])
    assert omero <= at_most[1]


async def test_a_further_page_of_members_does_not_ask_the_question_again(open_door: House) -> None:
    query = """query ($after: String) { cohort(where: {%s}) {
      members(first: 10, after: $after) {
        pageInfo { endCursor } edges { node { subject { code } } }
      }
    } }"""
    first = await open_door.data(query % PAPER)
    after = first["cohort"]["members"]["pageInfo"]["endCursor"]
    # The members with their descendants, what each of three `has` finds among them, the specimens.
    openbis, omero, links = await calls(open_door, query % PAPER, after=after)  # type: ignore[misc]
    assert (openbis, links) == (6, 2)
    assert omero <= 6


LINK = """mutation ($s: ID!, $d: ID!) { linkSample(sample: $s, imageDataset: $d) {
    changed link { id revision } userErrors { code } } }"""
UNLINK = """mutation ($l: ID!, $r: Int!) { unlinkSample(link: $l, expectedRevision: $r) {
    changed userErrors { code } } }"""


async def test_what_a_link_costs(house: House) -> None:
    sample = next(
        each for each in house.world.openbis.samples if each.code == "QHCC0072A8"
    )  # the follow-up that was imaged, and is not linked
    dataset = next(
        row["id"] for row in house.world.omero.rows["Dataset"] if row["name"] == sample.code
    )
    token = await house.login("oncology")
    await house.data("{ types { sampleTypes { code } } }", token)  # remembered for a minute
    # The sample, the right to change it, its property; the dataset, the right to annotate it, its
    # projects, its annotations, a new one; its project's link, two looks for others, the link.
    assert await calls(house, LINK, token, s=sample.perm_id, d=str(dataset)) == (3, 5, 4)
    query = "query ($s: String!) { sample(identifier: $s) { link { id } } }"
    link = (await house.data(query, token, s=sample.perm_id))["sample"]["link"]["id"]
    # The link's sample, twice, its right, its property; the dataset, the right, its annotations.
    assert await calls(house, UNLINK, token, l=link, r=1) == (4, 4, 2)
