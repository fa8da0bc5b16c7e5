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
from api.explorer import FOLDER, OURS, explorer_routes, is_built
from api.explorer.questions import load_questions
from api.schema import build_schema


async def get(path: str, static: Path, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app=Starlette(routes=list(explorer_routes(static))))
    async with httpx.AsyncClient(transport=transport, base_url="http://wire.test") as client:
        return await client.get(path, headers=headers)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A folder such as Vite leaves it."""
    (tmp_path / "assets").mkdir()
    script = tmp_path / "assets" / "index-1a2b.js"
    page = '<!doctype html><div id="explorer"></div>'
    page += '<script type="module" src="/explorer/static/assets/index-1a2b.js"></script>'
    (tmp_path / "index.html").write_text(page, encoding="utf-8")
    script.write_text("plain", encoding="utf-8")
    script.with_name("index-1a2b.js.br").write_bytes(b"packed by brotli")
    script.with_name("index-1a2b.js.gz").write_bytes(b"packed by gzip")
    return tmp_path


async def test_without_a_build_the_plain_page_works_and_says_how(tmp_path: Path) -> None:
    assert not is_built(tmp_path)
    page = await get("/", tmp_path)
    assert page.status_code == 200
    assert '<textarea id="query"' in page.text
    assert "make explorer" in page.text
    assert (await get("/explorer/static/assets/index-1a2b.js", tmp_path)).status_code == 404


async def test_a_build_is_served_and_the_plain_page_stays(built: Path) -> None:
    assert is_built(built)
    page = await get("/", built)
    assert 'id="explorer"' in page.text
    assert '<textarea id="query"' in (await get("/explorer/plain", built)).text


@pytest.mark.parametrize(
    ("accepted", "encoding", "body"),
    [
        ("gzip, br;q=0.9", "br", b"packed by brotli"),
        ("gzip", "gzip", b"packed by gzip"),
        ("br;q=0, gzip;q=0", None, b"plain"),
        ("identity", None, b"plain"),
    ],
)
async def test_a_file_comes_in_an_encoding_that_the_client_takes(
    built: Path, accepted: str, encoding: str | None, body: bytes
) -> None:
    routes = Starlette(routes=list(explorer_routes(built)))
    transport = httpx.ASGITransport(app=routes)
    async with httpx.AsyncClient(transport=transport, base_url="http://wire.test") as client:
        request = client.build_request(
            "GET",
            "/explorer/static/assets/index-1a2b.js",
            headers={"accept-encoding": accepted},
        )
        response = await client.send(request, stream=True)
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    assert raw == body
    assert response.headers.get("content-encoding") == encoding
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in response.headers["cache-control"]


async def test_all_that_the_plain_page_names_is_served_by_us(built: Path) -> None:
    text = (FOLDER / "plain.html").read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert len(named) >= 4
    for address in named:
        if address == "data:,":
            continue
        assert (await get(address, built)).status_code == 200, address


def test_no_page_names_another_host_or_holds_a_script() -> None:
    ours = [*FOLDER.iterdir(), *(FOLDER / "web").glob("*.html"), *(FOLDER / "web/src").rglob("*")]
    assert len(ours) > 20
    for path in ours:
        if path.suffix in {".html", ".js", ".css", ".ts", ".tsx"}:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"https?://|//cdn|@import", text), path.name
            assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=\"|javascript:", text), path.name
            assert "innerHTML" not in text, path.name
            assert "dangerously" not in text, path.name


async def test_nothing_else_can_be_read_or_loaded(built: Path) -> None:
    page = await get("/", built)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    for path in (
        "/explorer/__init__.py",
        "/explorer/build.sh",
        "/explorer/%2e%2e/settings.py",
        "/explorer/..%2fsettings.py",
        "/explorer/static/%2e%2e%2f__init__.py",
        "/explorer/static/assets/%2e%2e%2findex.html",
        "/explorer/static/assets/index-1a2b.js.br",
        "/explorer/web/package.json",
    ):
        response = await get(path, built)
        assert response.status_code == 404, path


async def test_the_questions_are_listed_with_all_that_the_page_shows(built: Path) -> None:
    listed = (await get("/explorer/questions.json", built)).json()
    assert [each["name"] for each in listed] == [each.name for each in load_questions()]
    assert set(listed[0]) == {"name", "title", "audience", "explanation", "query", "variables"}


def test_the_sign_in_of_both_pages_fits_the_schema() -> None:
    schema = build_schema()._schema
    session = (FOLDER / "session.js").read_text(encoding="utf-8")
    queries = re.findall(r'query: "(mutation [^"]+)"', session)
    form = (FOLDER / "web/src/SignIn.tsx").read_text(encoding="utf-8")
    queries += re.findall(r"= [`\"](mutation [^`\"]+)[`\"]", form)
    assert len(queries) == 3
    for query in queries:
        assert validate(schema, parse(query)) == []


def run_build(folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(FOLDER / "build.sh", folder / "build.sh")
    (folder / "web").mkdir(exist_ok=True)
    shell = shutil.which("sh")
    assert shell
    return subprocess.run(  # noqa: S603 - our own script
        [shell, str(folder / "build.sh")],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
        timeout=60,
    )


def tools(folder: Path, **commands: str) -> str:
    """A folder that stands for PATH, with the tools of the script and some of our making."""
    folder.mkdir()
    for tool in ("mktemp", "rm", "dirname", "find", "tail", "sed", "mkdir", "cat"):
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    for name, text in commands.items():
        (folder / name).write_text(f"#!{shutil.which('sh')}\n{text}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


def test_building_without_npm_is_one_line_and_no_failure(tmp_path: Path) -> None:
    done = run_build(tmp_path, tools(tmp_path / "bin"))
    assert done.returncode == 0
    assert done.stdout.startswith("explorer: npm is not here")
    assert len(done.stdout.splitlines()) == 1
    assert not (tmp_path / "static").exists()


def test_a_failed_build_shows_why_and_is_no_failure(tmp_path: Path) -> None:
    done = run_build(tmp_path, tools(tmp_path / "bin", npm="echo no such package; exit 1"))
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].startswith("explorer: it could not be built")
    assert done.stdout.splitlines()[1] == "  no such package"
    assert not list(tmp_path.glob("web/*lock*"))


def test_what_is_built_is_not_built_again_until_a_source_changes(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    page = tmp_path / "static" / "index.html"
    npm = f"mkdir -p {page.parent}; echo once >> {tmp_path}/runs; echo page > {page}"
    path = tools(tmp_path / "bin", npm=npm)
    runs = tmp_path / "runs"
    assert run_build(tmp_path, path).stdout == ""
    before = runs.read_text(encoding="utf-8")
    run_build(tmp_path, path)
    assert runs.read_text(encoding="utf-8") == before
    source = tmp_path / "web" / "main.ts"
    source.write_text("", encoding="utf-8")
    later = page.stat().st_mtime + 5
    os.utime(source, (later, later))
    run_build(tmp_path, path)
    assert runs.read_text(encoding="utf-8") != before


def test_importing_reads_no_file() -> None:
    assert explorer.STATIC == FOLDER / "static"
    assert {"plain.js", "session.js"} < set(OURS)
