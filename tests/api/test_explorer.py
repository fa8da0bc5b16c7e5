from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from graphql import parse, validate
from starlette.applications import Starlette

from api import explorer
from api.explorer import FETCHED, FOLDER, OURS, QUERIES, explorer_routes, has_graphiql, saved_query
from api.schema import build_schema


async def get(path: str, static: Path) -> httpx.Response:
    transport = httpx.ASGITransport(app=Starlette(routes=list(explorer_routes(static))))
    async with httpx.AsyncClient(transport=transport, base_url="http://wire.test") as client:
        return await client.get(path)


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    for name in FETCHED:
        (tmp_path / name).write_text(f"/* {name} */", encoding="utf-8")
    return tmp_path


async def test_without_graphiql_the_plain_page_works(tmp_path: Path) -> None:
    assert not has_graphiql(tmp_path)
    page = await get("/", tmp_path)
    assert page.status_code == 200
    assert '<textarea id="query"' in page.text
    assert "make explorer" in page.text
    assert (await get("/explorer/static/graphiql.min.js", tmp_path)).status_code == 404


async def test_with_graphiql_its_page_is_served_and_the_plain_one_stays(fetched: Path) -> None:
    assert has_graphiql(fetched)
    page = await get("/", fetched)
    assert 'id="graphiql"' in page.text
    assert '<textarea id="query"' in (await get("/explorer/plain", fetched)).text


@pytest.mark.parametrize("page", ["index.html", "plain.html"])
async def test_all_that_a_page_names_is_served_by_us(fetched: Path, page: str) -> None:
    text = (FOLDER / page).read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(named) >= 4
    for address in named:
        if address == "data:,":
            continue
        assert (await get(address, fetched)).status_code == 200, address


def test_no_page_names_another_host_or_holds_a_script() -> None:
    for path in FOLDER.iterdir():
        if path.suffix in {".html", ".js", ".css"}:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"https?://|//cdn|@import", text), path.name
            assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=\"|javascript:", text), path.name
            assert "innerHTML" not in text, path.name


async def test_nothing_else_can_be_read_or_loaded(fetched: Path) -> None:
    page = await get("/", fetched)
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    for path in (
        "/explorer/__init__.py",
        "/explorer/fetch.sh",
        "/explorer/%2e%2e/settings.py",
        "/explorer/..%2fsettings.py",
        "/explorer/static/%2e%2e%2f__init__.py",
        "/explorer/static/index.html",
    ):
        response = await get(path, fetched)
        assert response.status_code == 404, path


def test_the_saved_queries_are_all_known_and_parse() -> None:
    session = (FOLDER / "session.js").read_text(encoding="utf-8")
    for name in QUERIES:
        assert f'["{Path(name).stem}", "' in session
        assert saved_query(Path(name).stem).startswith("# "), "each says what it shows"
        parse(saved_query(Path(name).stem))
    assert {path.name for path in FOLDER.glob("*.graphql")} == set(QUERIES)
    assert set(QUERIES) < set(OURS)


def test_the_saved_queries_and_the_sign_in_fit_the_schema() -> None:
    schema = build_schema()._schema
    session = (FOLDER / "session.js").read_text(encoding="utf-8")
    (sign_in,) = re.findall(r'query: "(mutation [^"]+)"', session)
    for query in (*(saved_query(Path(name).stem) for name in QUERIES), sign_in):
        assert validate(schema, parse(query)) == []


def run_fetch(folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(FOLDER / "fetch.sh", folder / "fetch.sh")
    shell = shutil.which("sh")
    assert shell
    return subprocess.run(  # noqa: S603 - our own script
        [shell, str(folder / "fetch.sh")],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        timeout=60,
    )


def tools(folder: Path, **commands: str) -> str:
    """A folder that stands for PATH, with the tools of the script and some of our making."""
    folder.mkdir()
    for tool in ("mkdir", "mktemp", "rm", "cp", "mv", "tar", "dirname"):
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    for name, text in commands.items():
        (folder / name).write_text(f"#!{shutil.which('sh')}\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


def test_fetching_without_npm_is_one_line_and_no_failure(tmp_path: Path) -> None:
    done = run_fetch(tmp_path, tools(tmp_path / "bin"))
    assert done.returncode == 0
    assert done.stdout.startswith("explorer: npm is not here")
    assert len(done.stdout.splitlines()) == 1
    assert not (tmp_path / "static").exists()


def test_a_failed_fetch_is_one_line_and_no_failure(tmp_path: Path) -> None:
    done = run_fetch(tmp_path, tools(tmp_path / "bin", npm="echo noise; exit 1"))
    assert done.returncode == 0
    assert done.stdout.startswith("explorer: GraphiQL could not be fetched")
    assert len(done.stdout.splitlines()) == 1


def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    for name in FETCHED:
        (tmp_path / "static" / name).write_text("x", encoding="utf-8")
    done = run_fetch(tmp_path, tools(tmp_path / "bin", npm="echo asked"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_types_of_all_files_are_known() -> None:
    assert {Path(name).suffix for name in (*OURS, *FETCHED)} <= set(explorer.TYPES)
