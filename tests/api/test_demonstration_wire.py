"""`omnibis demo --wire`: openBIS is really behind a port, and gone when the house closes."""

from __future__ import annotations

import httpx
import pytest
from pydantic import SecretStr

from api.demonstration import demonstration
from api.settings import load_settings
from backends.demo.faults import Misbehaviour
from backends.errors import Source, Unavailable
from backends.lane import Call

PATH = "/openbis/openbis/rmi-application-server-v3.json"


async def test_the_house_reaches_openbis_through_its_port() -> None:
    built = demonstration(load_settings(), wire=True)
    address = built.openbis_address
    assert address is not None
    assert address.startswith("http://127.0.0.1:")
    openbis = built.parts.services.openbis
    assert built.parts.start is not None
    assert built.parts.stop is not None
    await built.parts.start()
    try:
        token = await openbis.login("steward", SecretStr("demo"), Call())
        body = {"method": "isSessionActive", "params": [token.get_secret_value()], "id": "2"}
        async with httpx.AsyncClient() as others:  # a session of the one is a session of the other
            answer = await others.post(address + PATH, json=body)
        assert answer.json()["result"] is True
        built.faults["openbis"].plan("login", Misbehaviour.BAD_GATEWAY)
        with pytest.raises(Unavailable) as refused:
            await openbis.login("steward", SecretStr("demo"), Call())
        assert refused.value.source is Source.OPENBIS
    finally:
        await built.parts.stop()
    async with httpx.AsyncClient() as others:
        with pytest.raises(httpx.ConnectError):
            await others.get(address)
