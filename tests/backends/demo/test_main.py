"""`python -m backends.demo`: what it takes, tells and refuses."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from backends.demo.__main__ import main


def test_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["openbis", "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for option in ("--port", "--host", "--state", "--references", "--project-samples", "--seed"):
        assert option in told


@pytest.mark.parametrize("arguments", [[], ["postgres"], ["openbis", "--references", "odd"]])
def test_what_it_does_not_know_it_refuses(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_taken_port_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["openbis", "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"Port {port} on 127.0.0.1 cannot be opened")
    assert len(said.splitlines()) == 1


def test_an_unusable_state_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state.db").write_text("no database, but long enough to be looked at")
    assert main(["openbis", "--state", str(tmp_path / "state.db")]) == 2
    assert "cannot be used as state file" in capsys.readouterr().err


def test_an_address_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openbis", "--host", "no.such.host.invalid"]) == 2
    assert "is not an address" in capsys.readouterr().err
