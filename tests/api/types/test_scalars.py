from __future__ import annotations

import pytest
from graphql import GraphQLError, parse_value

from api.types.scalars import _parse, _parse_literal
from tests.house import House


@pytest.mark.parametrize("value", [0, -1, 2**31, 2**63 - 1, -(2**63)])
def test_whole_numbers_of_64_bits(value: int) -> None:
    assert _parse(value) == value
    assert _parse_literal(parse_value(str(value))) == value


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 1.0, "1", True, None, [1]])
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(GraphQLError, match="at most 64 bits"):
        _parse(value)


@pytest.mark.parametrize("literal", ['"1"', "1.5", "true", "[1]", "9223372036854775808"])
def test_other_literals_are_refused(literal: str) -> None:
    with pytest.raises(GraphQLError, match="at most 64 bits"):
        _parse_literal(parse_value(literal))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("value", ["9223372036854775808", "1.5", '"7"'])
async def test_a_query_with_another_number_is_refused(open_door: House, value: str) -> None:
    response = await open_door.client.post(
        "/graphql", json={"query": f"{{ image(omeroId: {value}) {{ name }} }}"}
    )
    (error,) = response.json()["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert "BigInt" in error["message"]
