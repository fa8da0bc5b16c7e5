"""`python -m backends.demo omero`: another process that an unmodified client logs in to."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

omero = pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")


def test_the_command_serves_tells_its_ports_and_stops_cleanly() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "backends.demo", "omero"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        told = ""
        while "Stop with" not in told:
            line = process.stdout.readline()
            assert line, told
            told += line
        ports = dict(re.findall(r"^  (tcp|ssl|ws|wss) +127\.0\.0\.1:(\d+)$", told, re.MULTILINE))
        assert ports.keys() == {"tcp", "ssl", "ws", "wss"}
        client = omero.client(host="ssl://127.0.0.1", port=int(ports["ssl"]))
        try:
            query = client.createSession("plant", "demo").getQueryService()
            assert query.projection("select p.name from Project p", None)[0][0].val == "QRUP2"
        finally:
            client.__del__()
        taken = subprocess.run(  # noqa: S603 - our own words
            [*command, "--port", ports["ssl"]], capture_output=True, text=True, check=False
        )
        assert taken.returncode == 2
        assert "choose another port" in taken.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
