from __future__ import annotations

import json

import pytest

from backends.filters import NumberMatch
from backends.openbis.rpc import encode
from backends.openbis.values import numbers


@pytest.mark.parametrize("value", [7, 7.5, -1.7e308, 1.7e308, 1e-320, 2.0**63])
def test_any_finite_number_can_be_sent(value: float) -> None:
    criteria = numbers("Q_DOSE", NumberMatch(ge=value))
    sent = json.loads(encode("searchSamples", criteria))
    assert sent["params"][0]["fieldValue"]["value"] == value
