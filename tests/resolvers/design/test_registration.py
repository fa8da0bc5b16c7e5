"""Registering drafts in the embedded openBIS: whole, once, and again after anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from backends.errors import InvalidRequest, OutcomeUnknown, Source
from backends.fetch import Fetch
from backends.lane import Call
from backends.openbis.barcodes import barcode, is_barcode
from backends.openbis.client import Get
from backends.openbis.design import SETUP_PROPERTY, Design, read_design
from backends.openbis.write import NewExperiment, NewSample
from backends.records import Kind
from resolvers.design import registration as module
from resolvers.design.draft import Draft, DraftSample, FactorValue
from resolvers.design.factorial import DesignFactor, FactorialDesign, Stage
from resolvers.design.levels import Level
from resolvers.design.preparation import prepare
from resolvers.design.project import Place
from resolvers.design.registration import Registration, Written, write_part
from tests.resolvers.design.conftest import Laboratory, properties

MICE = FactorialDesign(
    (
        Stage(
            Level.ENTITY,
            factors=(
                DesignFactor("genotype", ("wt", "ko")),
                DesignFactor("dose", ("1", "5"), "mg"),
            ),
            replicates=2,
            properties=(("Q_NCBI_ORGANISM", "9606"),),
        ),
        Stage(Level.BIOLOGICAL_SAMPLE, choices=("liver",)),
        Stage(Level.TEST_SAMPLE, choices=("DNA", "RNA")),
    ),
    study_design="Perturbation",
)


async def mice(laboratory: Laboratory, place: Place) -> Draft:
    prepared = await prepare(laboratory.context(), place, MICE)
    assert prepared.faults == ()
    return prepared.draft


async def register(laboratory: Laboratory, registration: Registration) -> Written:
    written = Written.nothing()
    for number in range(len(registration.parts())):
        written = await write_part(laboratory.context(), registration, number, written)
    return written


async def design_in_openbis(laboratory: Laboratory, place: Place) -> Design:
    context = laboratory.context()
    identifier = f"{place.identifier}/{place.code}_INFO"
    (found,) = await context.services.openbis.execute(
        context.openbis_token(),
        [Get(Kind.EXPERIMENT, (identifier,), Fetch.of("properties"))],
        Call(),
    )
    read = read_design(properties(found[identifier])[SETUP_PROPERTY])
    assert isinstance(read, Design)
    return read


async def test_a_factorial_design_as_it_stands_in_openbis(laboratory: Laboratory) -> None:
    place = await laboratory.project("QMICE")
    written = await register(laboratory, Registration("k", place, await mice(laboratory, place)))
    samples = await laboratory.samples("QMICE")
    kinds = Counter(each.type_code for each in samples)
    assert kinds == {"Q_BIOLOGICAL_ENTITY": 8, "Q_BIOLOGICAL_SAMPLE": 8, "Q_TEST_SAMPLE": 16}
    assert {each.code for each in samples} == set(written.codes.values())
    for each in samples:
        parents = {parent.code for parent in each.parents or ()}
        if each.type_code == "Q_BIOLOGICAL_ENTITY":
            assert each.code.startswith("QMICEENTITY-")
            assert not parents
        else:
            assert is_barcode(each.code)
            assert len(parents) == 1
    assert {each.experiment.code for each in samples if each.experiment} == {
        "QMICEE1",
        "QMICEE2",
        "QMICEE3",
    }
    named = {properties(each)["Q_SECONDARY_NAME"]: each for each in samples}
    rna = named["ko ; 5 #2 / liver / RNA"]
    assert properties(rna)["Q_SAMPLE_TYPE"] == "RNA"
    (extract,) = rna.parents or ()
    assert extract.code == named["ko ; 5 #2 / liver"].code
    design = await design_in_openbis(laboratory, place)
    assert design.study_design == "Perturbation"
    factors = {each.label: each for each in design.factors}
    assert factors["dose"].unit == "mg"
    ko = next(each for each in factors["genotype"].levels if each.value == "ko")
    assert rna.code in ko.sample_codes
    assert len(ko.sample_codes) == 16


async def test_repeating_a_registration_changes_nothing(laboratory: Laboratory) -> None:
    place = await laboratory.project("QMICE")
    registration = Registration("k", place, await mice(laboratory, place))
    first = await register(laboratory, registration)
    again = await register(laboratory, registration)
    assert again == first
    assert Written.from_json(first.to_json()) == first
    assert len(await laboratory.samples("QMICE")) == 32


async def test_a_second_registration_goes_on_where_the_first_ended(laboratory: Laboratory) -> None:
    place = await laboratory.project("QMICE")
    first = await register(laboratory, Registration("a", place, await mice(laboratory, place)))
    second = await register(laboratory, Registration("b", place, await mice(laboratory, place)))
    assert not set(first.codes.values()) & set(second.codes.values())
    assert set(second.experiments.values()) == {"QMICEE4", "QMICEE5", "QMICEE6"}
    design = await design_in_openbis(laboratory, place)
    assert len(design.factors[0].levels[0].sample_codes) == 32


async def test_codes_that_others_registered_are_passed_over(laboratory: Laboratory) -> None:
    place = await laboratory.project("QMICE")
    context = laboratory.context()
    await context.services.openbis.transact(
        context.openbis_token(),
        [
            NewExperiment("Q_SAMPLE_EXTRACTION", place.perm_id, "QMICEE7"),
            NewSample("Q_BIOLOGICAL_ENTITY", "CLINICAL", "QMICEENTITY-3"),
            NewSample("Q_BIOLOGICAL_SAMPLE", "CLINICAL", "QMICE005AK"),
        ],
        Call(),
    )
    await context.services.openbis.transact(
        context.openbis_token(),
        [NewSample("Q_BIOLOGICAL_SAMPLE", "CLINICAL", barcode("QMICE", 1001))],
        Call(),
    )
    written = await register(laboratory, Registration("k", place, await mice(laboratory, place)))
    assert "QMICEENTITY-4" in written.codes.values()
    assert barcode("QMICE", 1002) in written.codes.values()
    assert written.experiments[Level.ENTITY] == "QMICEE8"


async def test_a_code_taken_between_claim_and_writing_is_replaced(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await laboratory.project("QMICE")
    claim = module.claim
    taken: list[str] = []

    async def claim_and_lose(context: Any, *given: Any, **named: Any) -> Any:
        codes = await claim(context, *given, **named)
        if not taken:
            taken.append(next(iter(codes.samples.values())))
            await context.services.openbis.transact(
                context.openbis_token(),
                [NewSample("Q_BIOLOGICAL_ENTITY", "CLINICAL", taken[0])],
                Call(),
            )
        return codes

    monkeypatch.setattr(module, "claim", claim_and_lose)
    registration = Registration("k", place, await mice(laboratory, place))
    written = await register(laboratory, registration)
    assert taken[0] not in written.codes.values()
    assert len(await laboratory.samples("QMICE")) == 33
    assert await register(laboratory, registration) == written


async def test_an_answer_that_is_lost_is_looked_up(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await laboratory.project("QMICE")
    registration = Registration("k", place, await mice(laboratory, place))
    client = laboratory.built.parts.services.openbis
    transact = type(client).transact

    async def lose(*given: Any, **named: Any) -> Any:
        await transact(*given, **named)
        raise OutcomeUnknown(Source.OPENBIS, "lost")

    with monkeypatch.context() as patched:
        patched.setattr(type(client), "transact", lose)
        with pytest.raises(OutcomeUnknown):
            await register(laboratory, registration)
    written = await register(laboratory, registration)
    assert len(written.perm_ids) == 32
    assert len(await laboratory.samples("QMICE")) == 32


async def test_what_openbis_refuses_for_another_reason_is_told(laboratory: Laboratory) -> None:
    place = await laboratory.project("QMICE")
    bad = DraftSample("a", Level.ENTITY, "a", properties={"Q_NCBI_ORGANISM": "NOWHERE"})
    with pytest.raises(InvalidRequest):
        await register(laboratory, Registration("k", place, Draft((bad,))))
    assert await laboratory.samples("QMICE") == []


async def test_parts_hold_a_thousand_rows_at_most(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = await laboratory.project("QMICE")
    people = [
        DraftSample(f"e{n}", Level.ENTITY, f"P{n}", factors=(FactorValue("sex", "m"),))
        for n in range(700)
    ]
    blood = [
        DraftSample(f"b{n}", Level.BIOLOGICAL_SAMPLE, f"B{n}", parents=(f"e{n}",))
        for n in range(700)
    ]
    sizes: list[int] = []
    client = type(laboratory.built.parts.services.openbis)
    transact = client.transact

    async def count(self: Any, token: Any, changes: Any, *given: Any, **named: Any) -> Any:
        sizes.append(len(changes))
        return await transact(self, token, changes, *given, **named)

    monkeypatch.setattr(client, "transact", count)
    registration = Registration("k", place, Draft((*people, *blood)))
    await register(laboratory, registration)
    assert len(sizes) == 2
    assert max(sizes) <= module.ROWS
    samples = {each.code: each for each in await laboratory.samples("QMICE")}
    assert len(samples) == 1400
    assert all(
        len(each.parents or ()) == 1
        for each in samples.values()
        if each.type_code == "Q_BIOLOGICAL_SAMPLE"
    )
    design = await design_in_openbis(laboratory, place)
    assert len(design.factors[0].levels[0].sample_codes) == 700
    assert replace(registration, key="other").parts() == registration.parts()
