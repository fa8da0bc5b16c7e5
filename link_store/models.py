"""The tables of the link database, as SQLModel classes.

What is written here and what the migrations build must be the same (a test compares them), so a
change here goes with a new file in `migrations/versions`. The triggers that keep history
append-only and revisions in step stand in the migration: no model can express them. Only this
package and the migrations' `env.py` import this; rows never leave it, see `records.py` and
`snapshot_records.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

NAMING = {
    "pk": "pk_%(table_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
LIVE = text("state <> 'RETIRED'")
UNFINISHED = text("state not in ('SUCCEEDED', 'FAILED', 'CANCELLED')")


class BigId(TypeDecorator[int]):
    """A 64-bit number; SQLite counts rows up by itself only when the column says INTEGER."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[int]:
        """Choose the column type of the dialect."""
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())


class UtcTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps no zone, so it is taken off and put back here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Bring a moment to UTC; one without a zone is a mistake of ours."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:  # noqa: ARG002 - as named
        """Say that a stored moment is UTC; PostgreSQL's connections speak UTC by themselves."""
        return _moment if dialect.name == "sqlite" else None


@lru_cache(maxsize=4096)  # links that were made together have one time
def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


class LinkTable(SQLModel):
    """The base of all tables: metadata of their own, with named constraints."""

    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


def _link_rules(table: str) -> tuple[Any, ...]:
    """What holds for both kinds of link: whole values, and one live link per end."""
    return (
        CheckConstraint("state in ('RESERVED', 'ACTIVE', 'BROKEN', 'RETIRED')", "state"),
        CheckConstraint("length(trim(openbis_instance)) > 0", "openbis_instance"),
        CheckConstraint("length(trim(openbis_perm_id)) > 0", "openbis_perm_id"),
        CheckConstraint("length(trim(omero_instance)) > 0", "omero_instance"),
        # the cast: SQLite would let a text or a fraction pass for a number
        CheckConstraint("omero_id > 0 and omero_id = cast(omero_id as bigint)", "omero_id"),
        CheckConstraint("length(trim(evidence)) > 0", "evidence"),
        CheckConstraint("length(trim(author)) > 0", "author"),
        CheckConstraint("revision > 0", "revision"),
        Index(
            f"uq_{table}_live_openbis",
            "openbis_instance",
            "openbis_perm_id",
            unique=True,
            sqlite_where=LIVE,
            postgresql_where=LIVE,
        ),
        Index(
            f"uq_{table}_live_omero",
            "omero_instance",
            "omero_id",
            unique=True,
            sqlite_where=LIVE,
            postgresql_where=LIVE,
        ),
        Index(f"ix_{table}_state", "state", "id"),
    )


class LinkColumns(LinkTable):
    """The columns that both kinds of link have."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    openbis_instance: str
    openbis_perm_id: str
    omero_instance: str
    omero_id: int = Field(sa_type=BigId)
    state: str
    evidence: str
    revision: int
    author: str
    created_at: datetime = Field(sa_type=UtcTime)
    updated_at: datetime = Field(sa_type=UtcTime)


class ProjectLink(LinkColumns, table=True):
    """One openBIS project ↔ one OMERO project."""

    __tablename__ = "project_link"
    __table_args__ = (
        *_link_rules("project_link"),
        # what a sample link points at, so that it cannot stand below another project's link
        UniqueConstraint(
            "id",
            "openbis_perm_id",
            "openbis_instance",
            "omero_instance",
            name="uq_project_link_identity",
        ),
        {"sqlite_autoincrement": True},
    )


class SampleLink(LinkColumns, table=True):
    """One openBIS sample ↔ one OMERO dataset, below the link of the sample's own project."""

    __tablename__ = "sample_link"
    __table_args__ = (
        *_link_rules("sample_link"),
        ForeignKeyConstraint(
            ["project_link_id", "project_perm_id", "openbis_instance", "omero_instance"],
            [
                "project_link.id",
                "project_link.openbis_perm_id",
                "project_link.openbis_instance",
                "project_link.omero_instance",
            ],
        ),
        Index("ix_sample_link_project_link", "project_link_id", "state"),
        Index("ix_sample_link_project", "openbis_instance", "project_perm_id", "id"),
        {"sqlite_autoincrement": True},
    )

    project_link_id: int = Field(sa_type=BigId)
    project_perm_id: str


class LinkEvent(LinkTable, table=True):
    """One entry of the append-only history; the greatest id is the revision of all links."""

    __tablename__ = "link_event"
    __table_args__ = (
        CheckConstraint("(project_link_id is null) <> (sample_link_id is null)", "one_link"),
        CheckConstraint("length(trim(change)) > 0", "change"),
        CheckConstraint("length(trim(author)) > 0", "author"),
        # each revision of a link is told once; these are the indexes of the history, too
        UniqueConstraint("project_link_id", "revision"),
        UniqueConstraint("sample_link_id", "revision"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    project_link_id: int | None = Field(default=None, sa_type=BigId, foreign_key="project_link.id")
    sample_link_id: int | None = Field(default=None, sa_type=BigId, foreign_key="sample_link.id")
    change: str
    old_state: str | None = None
    new_state: str
    revision: int
    author: str
    at: datetime = Field(sa_type=UtcTime)
    details: str


class CohortSnapshot(LinkTable, table=True):
    """A frozen cohort: what was asked, how many came out, against which state of the systems.

    A deleted one keeps its row, with who deleted it and when, and loses its members.
    """

    __tablename__ = "cohort_snapshot"
    __table_args__ = (
        CheckConstraint("length(trim(openbis_instance)) > 0", "openbis_instance"),
        CheckConstraint("length(trim(omero_instance)) > 0", "omero_instance"),
        CheckConstraint("length(trim(name)) > 0", "name"),
        CheckConstraint("unit in ('SUBJECT', 'SAMPLE')", "unit"),
        CheckConstraint("link_revision >= 0", "link_revision"),
        CheckConstraint("member_count >= 0", "member_count"),
        CheckConstraint("length(digest) = 64", "digest"),
        CheckConstraint("length(trim(author)) > 0", "author"),
        CheckConstraint("(deleted_at is null) = (deleted_by is null)", "deleted"),
        Index("ix_cohort_snapshot_author", "author", "id"),
        Index("ix_cohort_snapshot_digest", "digest"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    openbis_instance: str
    omero_instance: str
    name: str
    description: str
    unit: str
    predicate: str  # JSON
    completeness: str  # JSON
    backend_versions: str  # JSON
    link_revision: int = Field(sa_type=BigId)
    member_count: int
    digest: str  # SHA-256 in hexadecimal; see `snapshots.py`
    author: str
    created_at: datetime = Field(sa_type=UtcTime)
    deleted_by: str | None = None
    deleted_at: datetime | None = Field(default=None, sa_type=UtcTime)


class CohortSnapshotMember(LinkTable, table=True):
    """One subject or sample of a frozen cohort, and what belonged to it."""

    __tablename__ = "cohort_snapshot_member"
    __table_args__ = (
        CheckConstraint("position > 0", "position"),
        CheckConstraint("length(trim(perm_id)) > 0", "perm_id"),
        UniqueConstraint("snapshot_id", "perm_id"),
    )

    snapshot_id: int = Field(primary_key=True, sa_type=BigId, foreign_key="cohort_snapshot.id")
    position: int = Field(primary_key=True)  # from 1, in order of permId
    perm_id: str
    details: str  # JSON


class Operation(LinkTable, table=True):
    """A durable registration: who asked for what, how far it is, and how it ended."""

    __tablename__ = "operation"
    __table_args__ = (
        CheckConstraint("length(trim(id)) > 0", "id"),
        CheckConstraint("length(trim(owner)) > 0", "owner"),
        CheckConstraint("length(trim(key)) > 0", "key"),
        # who asks twice with the same key asks once
        UniqueConstraint("openbis_instance", "omero_instance", "owner", "key"),
        # sessions go when the operation has ended
        CheckConstraint(
            "credentials is null or state not in ('SUCCEEDED', 'FAILED', 'CANCELLED')",
            "credentials",
        ),
        Index(
            "ix_operation_live",
            "lease_until",
            sqlite_where=UNFINISHED,
            postgresql_where=UNFINISHED,
        ),
        Index("ix_operation_owner", "openbis_instance", "owner", "created_at"),
    )

    id: str = Field(primary_key=True)
    openbis_instance: str
    omero_instance: str
    kind: str
    owner: str
    key: str
    title: str
    state: str
    input: str  # JSON, as are the next three
    steps: str
    outcome: str | None = None
    error: str | None = None
    credentials: str | None = None  # encrypted
    viewer: str
    done: int | None = Field(default=None, sa_type=BigId)
    total: int | None = Field(default=None, sa_type=BigId)
    message: str | None = None
    cancelled: bool
    committed: bool
    runner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=UtcTime)
    created_at: datetime = Field(sa_type=UtcTime)
    updated_at: datetime = Field(sa_type=UtcTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcTime)


class OperationClaim(LinkTable, table=True):
    """What a live operation works on; its key decides races between operations."""

    __tablename__ = "operation_claim"

    claim: str = Field(primary_key=True)
    operation_id: str = Field(foreign_key="operation.id", index=True)


class CodeBlock(LinkTable, table=True):
    """Numbers that one registration may make codes of; the blocks of a series are a chain."""

    __tablename__ = "code_block"
    __table_args__ = (
        CheckConstraint("length(trim(openbis_instance)) > 0", "openbis_instance"),
        CheckConstraint("length(trim(scope)) > 0", "scope"),
        CheckConstraint("length(trim(series)) > 0", "series"),
        CheckConstraint("first > 0 and next > first", "numbers"),
        CheckConstraint("coalesce(previous, 1) = first", "chain"),
        UniqueConstraint(
            "openbis_instance", "scope", "series", "first", name="uq_code_block_first"
        ),
        UniqueConstraint("openbis_instance", "scope", "series", "next", name="uq_code_block_next"),
        UniqueConstraint(
            "openbis_instance", "scope", "series", "owner", name="uq_code_block_owner"
        ),
        # begins where another one ended; with the first unique, none can overlap
        ForeignKeyConstraint(
            ["openbis_instance", "scope", "series", "previous"],
            [
                "code_block.openbis_instance",
                "code_block.scope",
                "code_block.series",
                "code_block.next",
            ],
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BigId)
    openbis_instance: str
    scope: str  # what the codes are unique within: a project's code
    series: str
    first: int = Field(sa_type=BigId)
    next: int = Field(sa_type=BigId)  # the number behind the last
    previous: int | None = Field(default=None, sa_type=BigId)  # = first; none for the first block
    owner: str | None = None  # the registration's key; none for numbers that were passed over
    created_at: datetime = Field(sa_type=UtcTime)


PROJECT_LINK: Table = LinkTable.metadata.tables["project_link"]
SAMPLE_LINK: Table = LinkTable.metadata.tables["sample_link"]
LINK_EVENT: Table = LinkTable.metadata.tables["link_event"]
COHORT_SNAPSHOT: Table = LinkTable.metadata.tables["cohort_snapshot"]
COHORT_SNAPSHOT_MEMBER: Table = LinkTable.metadata.tables["cohort_snapshot_member"]
OPERATION: Table = LinkTable.metadata.tables["operation"]
OPERATION_CLAIM: Table = LinkTable.metadata.tables["operation_claim"]
CODE_BLOCK: Table = LinkTable.metadata.tables["code_block"]
