"""The PostgreSQL that the tests start: real, alone, and gone with them."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests import postgres
from tests.postgres import PostgresServer, programs, serve

SERVE = """
from tests.postgres import programs, serve
with serve(programs()) as server:
    print(server.url(), flush=True)
    input()
"""


def test_a_copy_is_empty_each_time_it_is_lent(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    row = (
        "insert into project_link values"
        " (default, 'o', 'P', 'm', 1, 'ACTIVE', 'e', 1, 'a', now(), now())"
    )
    for _ in range(3):
        with postgres_server.copy(postgres_template) as url, psycopg.connect(url) as connection:
            assert connection.execute("select count(*) from project_link").fetchone() == (0,)
            made = connection.execute(f"{row} returning id").fetchone()
            assert made == (1,)
            connection.commit()
            with pytest.raises(psycopg.errors.IntegrityError):
                connection.execute("delete from project_link")
            connection.rollback()


@pytest.mark.parametrize(
    "change",
    [
        "create table more (id int)",
        "drop table code_block",
        "update alembic_version set version_num = 'x'",
    ],
)
def test_a_copy_that_has_become_another_is_not_lent_again(
    postgres_server: PostgresServer, postgres_template: str, change: str
) -> None:
    with postgres_server.copy(postgres_template) as url, psycopg.connect(url) as connection:
        connection.execute(change)
    with postgres_server.copy(postgres_template) as again:
        assert again != url
        with psycopg.connect(again) as connection:
            connection.execute("select 1 from code_block")


def test_a_copy_in_use_is_not_waited_for(
    postgres_server: PostgresServer, postgres_template: str
) -> None:
    with postgres_server.copy(postgres_template) as url:
        holder = psycopg.connect(url)
        holder.execute("lock table project_link")
    with pytest.raises(psycopg.OperationalError):
        holder.execute("select 1")
    holder.close()


def test_the_server_ends_with_a_process_that_is_killed(postgres_server: PostgresServer) -> None:
    assert postgres_server.url()  # there are programs
    process = subprocess.Popen(  # noqa: S603 - Python itself
        [sys.executable, "-W", "error", "-c", SERVE],
        cwd=Path(postgres.__file__).parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    folder = Path(process.stdout.readline().strip().partition("?host=")[2])
    assert (folder / "data").is_dir()
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 60
    while folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="does not start"), serve(tmp_path):
        pass


def test_all_programs_are_found_together(postgres_server: PostgresServer) -> None:
    assert postgres_server.url()
    found = programs()
    assert found is not None
    assert all((found / name).exists() for name in ("initdb", "pg_ctl", "postgres"))
