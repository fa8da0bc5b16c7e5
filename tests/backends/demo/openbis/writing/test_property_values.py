"""What each data type takes, keeps and refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.backends.demo.openbis.requests import Writer, an_id, creation


async def typed(admin: Writer, data_type: str, **more: Any) -> None:
    await admin.make(
        "PropertyType", code="P", label="p", description="p", dataType=data_type, **more
    )
    assignment = creation("PropertyAssignment", propertyTypeId=an_id("PropertyType", "P"))
    await admin.make("SampleType", code="T", propertyAssignments=[assignment])


async def kept(admin: Writer, value: Any) -> str | None:
    key = await admin.make("Sample", code="X", type="T", space="A", properties={"p": value})
    text: str | None = (await admin.one("Sample", key))["properties"].get("P")
    return text


@pytest.mark.parametrize(
    ("data_type", "value", "stored"),
    [
        ("VARCHAR", "  as it is ", "  as it is "),
        ("VARCHAR", "   ", None),
        ("MULTILINE_VARCHAR", "a\nb", "a\nb"),
        ("INTEGER", "007", "7"),
        ("INTEGER", -3, "-3"),
        ("INTEGER", "9223372036854775807", "9223372036854775807"),
        ("REAL", "1", "1.0"),
        ("REAL", 0.5, "0.5"),
        ("REAL", "1e-5", "1.0E-5"),
        ("REAL", "2.5e20", "2.5E20"),
        ("BOOLEAN", True, "true"),
        ("BOOLEAN", "YES", "true"),
        ("BOOLEAN", "0", "false"),
        ("DATE", "2024-02-29", "2024-02-29"),
        ("DATE", "2/9/24", "2024-02-09"),
        ("TIMESTAMP", "2024-02-29", "2024-02-29 00:00:00 +0000"),
        ("TIMESTAMP", "2024-02-29 13:14", "2024-02-29 13:14:00 +0000"),
        ("TIMESTAMP", "2024-02-29 13:14:15 +0100", "2024-02-29 12:14:15 +0000"),
        ("TIMESTAMP", "2024-02-29T13:14:15+01:00", "2024-02-29 12:14:15 +0000"),
        ("TIMESTAMP", "2/29/24 1:14 PM", "2024-02-29 13:14:00 +0000"),
        ("HYPERLINK", "https://x.example/a", "https://x.example/a"),
        ("XML", "<a>\u00e9</a>", "<a>\u00e9</a>"),
        ("JSON", '{"a": 1}', '{"a": 1}'),
        ("SAMPLE", "s-1", "s-1"),
        ("SAMPLE", "/a/ent-1", "s-1"),
    ],
)
async def test_kept(admin: Writer, data_type: str, value: Any, stored: str | None) -> None:
    await typed(admin, data_type)
    assert await kept(admin, value) == stored


@pytest.mark.parametrize(
    ("data_type", "value", "said"),
    [
        ("INTEGER", "1.5", "Integer value '1.5' has improper format."),
        ("INTEGER", "9223372036854775808", "Integer value '9223372036854775808' has improper"),
        ("REAL", "one", "Double value 'one' has improper format."),
        ("REAL", "1_0", "Double value '1_0' has improper format."),
        (
            "BOOLEAN",
            "maybe",
            "Boolean value 'maybe' has improper format. It should be either 'true' or 'false'.",
        ),
        ("DATE", "2024-02-30", "Date value '2024-02-30' has improper format."),
        ("DATE", "2024-02-29 10:00", "Date value '2024-02-29 10:00' has improper format."),
        ("TIMESTAMP", "24-02-29", "Date value '24-02-29' has improper format."),
        ("TIMESTAMP", "yesterday", "Date value 'yesterday' has improper format. It must be one of"),
        ("HYPERLINK", "javascript:x", "Hyperlink 'javascript:x' should start with one of the"),
        ("XML", "<a>", "Provided value isn't a well formed XML document."),
        (
            "XML",
            '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
            "Provided value isn't a well formed XML document.",
        ),
        ("SAMPLE", "s-404", "Unknown sample: s-404"),
    ],
)
async def test_refused(admin: Writer, data_type: str, value: Any, said: str) -> None:
    await typed(admin, data_type)
    refusal = await admin.refused("Sample", code="X", type="T", space="A", properties={"P": value})
    assert refusal.startswith(said)


async def test_a_sample_property_may_be_of_one_type_only(admin: Writer) -> None:
    await typed(admin, "SAMPLE", sampleTypeId=an_id("SampleType", "ENTITY"))
    assert await kept(admin, "s-1") == "s-1"
    refusal = await admin.refused("Sample", code="Y", type="T", space="A", properties={"P": "s-3"})
    assert refusal.startswith("Property P is not a sample of type ENTITY but of type EXTRACT")


@pytest.mark.parametrize("value", [{"a": 1}, [1]])
async def test_values_that_are_no_text_do_not_convert(admin: Writer, value: Any) -> None:
    await typed(admin, "VARCHAR")
    made = creation("Sample", code="X", type="T", space="A", properties={"P": value})
    answer = await admin.client.post("createSamples", admin.client.token, [made])
    assert answer.status_code == 500
    assert await admin.gone("Sample", "/A/X")


async def test_a_long_vocabulary_is_abbreviated(admin: Writer) -> None:
    codes = [{"code": f"T{at}"} for at in range(12)]
    await admin.make("Vocabulary", code="V", terms=codes)
    await typed(admin, "CONTROLLEDVOCABULARY", vocabulary="V")
    refusal = await admin.refused("Sample", code="X", type="T", space="A", properties={"P": "no"})
    assert "[T0, T1, T2, T3, T4, T5, T6, T7, T8, T9, ... (2 left)]" in refusal
    assert await kept(admin, "t3") == "T3"
