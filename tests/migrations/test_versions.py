"""The migrations against the models, up and down, and as SQL; on SQLite and on PostgreSQL."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import URL

import migrations
from link_store import dialects, migrate
from link_store.database import LinkDatabase
from link_store.models import LinkTable

TABLES = {
    "project_link",
    "sample_link",
    "link_event",
    "cohort_snapshot",
    "cohort_snapshot_member",
    "code_block",
    "operation",
    "operation_claim",
}


@pytest.fixture
def url(empty_database_url: str) -> URL:
    return dialects.urls(empty_database_url)[1]


@pytest.fixture
def connection(url: URL) -> Iterator[Connection]:
    migrate.run(url, 5.0)
    engine = create_engine(url)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def schema(url: URL) -> list[Any]:
    """All that the database knows of its own structure, triggers and functions included."""
    engine = create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.execute(
                text("select type, name, tbl_name, sql from sqlite_master order by 1, 2")
            ).all()
        else:
            rows = [
                *connection.execute(
                    text(
                        "select conname, pg_get_constraintdef(oid) from pg_constraint"
                        " where connamespace = 'public'::regnamespace order by 1, conrelid::text"
                    )
                ).all(),
                *connection.execute(
                    text(
                        "select tgname, pg_get_triggerdef(oid) from pg_trigger"
                        " where not tgisinternal order by 1"
                    )
                ).all(),
                *connection.execute(
                    text("select indexdef from pg_indexes where schemaname = 'public' order by 1")
                ).all(),
                *connection.execute(
                    text(
                        "select proname, prosrc from pg_proc where proname like 'omnibis%'"
                        " order by 1"
                    )
                ).all(),
            ]
    engine.dispose()
    return [tuple(row) for row in rows]


def test_models_and_migrations_build_the_same(connection: Connection) -> None:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    assert compare_metadata(context, LinkTable.metadata) == []


def test_models_and_migrations_name_the_same_rules(connection: Connection) -> None:
    found = inspect(connection)
    assert set(found.get_table_names()) == {*TABLES, "alembic_version"}
    for name in TABLES:
        table = LinkTable.metadata.tables[name]
        rules = {
            constraint.name for constraint in table.constraints if constraint.name is not None
        } | {index.name for index in table.indexes}
        built = {check["name"] for check in found.get_check_constraints(name)}
        built |= {unique["name"] for unique in found.get_unique_constraints(name)}
        built |= {key["name"] for key in found.get_foreign_keys(name)}
        built |= {index["name"] for index in found.get_indexes(name)}
        primary = found.get_pk_constraint(name)["name"]
        rules -= {f"pk_{name}"}  # SQLite does not name the key of a counted table
        assert built - {primary} == rules
        assert primary in {None, f"pk_{name}"}


def test_models_and_migrations_write_the_same_checks(tmp_path: Path) -> None:
    """The texts of the checks, which the comparison of alembic leaves out."""
    migrated = dialects.urls(f"sqlite:///{tmp_path / 'migrated.db'}")[1]
    migrate.run(migrated, 5.0)
    created = dialects.urls(f"sqlite:///{tmp_path / 'created.db'}")[1]
    engine = create_engine(created)
    LinkTable.metadata.create_all(engine)
    engine.dispose()

    def parts(url: URL) -> dict[str, list[str]]:
        return {
            name: sorted(line.strip().rstrip(",") for line in sql.splitlines() if line.strip())
            for kind, name, _, sql in schema(url)
            if kind in {"table", "index"} and name.split("_", 1)[0] != "sqlite" and sql
        }

    ours = parts(migrated)
    del ours["alembic_version"]
    assert ours == parts(created)


def test_up_down_and_up_again_leave_the_same_schema(url: URL) -> None:
    migrate.run(url, 5.0)
    first = schema(url)
    migrate.run(url, 5.0, target="base", down=True)
    left = {str(part) for row in schema(url) for part in row}
    assert not any(
        re.search(r"project_link|sample_link|link_event|code_block|omnibis", one) for one in left
    )
    migrate.run(url, 5.0)
    assert schema(url) == first
    assert len(first) > 20


def test_a_failed_migration_leaves_nothing(url: URL) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("create table cohort_snapshot (id integer)"))
    before = schema(url)
    with pytest.raises(Exception, match="cohort_snapshot"):
        migrate.run(url, 5.0)
    assert schema(url) == before
    engine.dispose()


def test_there_is_one_line_of_versions_and_each_file_says_its_number() -> None:
    script = ScriptDirectory.from_config(migrate.configuration())
    assert len(script.get_heads()) == 1
    for revision in script.walk_revisions():
        assert Path(revision.path).name.startswith(f"{revision.revision}_")
        assert revision.doc
    assert script.get_current_head() == migrate.head()


def test_the_migrations_lie_in_their_package_without_an_ini_file() -> None:
    folder = Path(migrations.__path__[0])
    assert (folder / "env.py").is_file()
    assert (folder / "script.py.mako").is_file()
    assert not list(folder.parent.glob("alembic.ini"))


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_upgrade_can_be_written_out_for_an_operator(dialect: str) -> None:
    sql = migrate.sql(dialect).lower()
    for table in TABLES:
        assert f"create table {table} (" in sql
    unique = "create unique index uq_sample_link_live_omero on sample_link"
    assert f"{unique} (omero_instance, omero_id) where state <> 'retired'" in sql
    assert ("language plpgsql" in sql) == (dialect == "postgresql")
    assert ("raise(abort" in sql) == (dialect == "sqlite")
    assert sql.rstrip().endswith("commit;")


def test_the_written_upgrade_is_the_upgrade(tmp_path: Path) -> None:
    written = tmp_path / "written.db"
    connection = sqlite3.connect(written)
    connection.executescript(migrate.sql("sqlite"))
    connection.close()
    migrated = tmp_path / "migrated.db"
    LinkDatabase(f"sqlite:///{migrated}").migrate_now()

    def normal(path: Path) -> list[str]:
        rows = schema(dialects.urls(f"sqlite:///{path}")[1])
        return [" ".join(str(row).replace("\\n", " ").replace("\\t", " ").split()) for row in rows]

    assert normal(written) == normal(migrated)
