"""The server for tests: it answers, it stops, and its port is free again."""

import threading

import httpx
import pytest

from backends.demo.openbis.server import create_openbis_server
from backends.demo.study import build_world
from tests.serving import serve


def test_a_served_application_answers_and_is_gone_afterwards() -> None:
    app = create_openbis_server(build_world().openbis)
    before = set(threading.enumerate())  # another test's server may be running for its session
    call = {"method": "login", "params": ["steward", "demo"], "id": "2", "jsonrpc": "2.0"}
    with serve(app) as base:
        url = f"{base}/openbis/openbis/rmi-application-server-v3.json"
        answer = httpx.post(url, json=call, trust_env=False).json()
    assert answer["result"].startswith("steward-")
    with pytest.raises(httpx.ConnectError):
        httpx.post(url, json=call, trust_env=False)
    assert set(threading.enumerate()) <= before
