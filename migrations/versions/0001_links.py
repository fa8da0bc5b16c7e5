"""Create the link tables, their history and the cohort snapshots.

The invariants of the design are held here, by the database: one live link per end (partial unique
indexes), a sample link below the link of its own project (composite foreign key), history that can
only grow, and revisions that step by one (triggers, once for SQLite and once for PostgreSQL). The
name a trigger raises is what `link_store/dialects.py` recognises.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
LIVE = sa.text("state <> 'RETIRED'")
LINK_TABLES = ("project_link", "sample_link")

SQLITE_TRIGGERS_OF_LINKS = (
    """
    create trigger {table}_step before update on {table} begin
      select case
        when old.state = 'RETIRED' then raise(abort, 'link_retired')
        when new.revision is not old.revision + 1 then raise(abort, 'link_revision')
        when new.id is not old.id or new.created_at is not old.created_at
          then raise(abort, 'link_identity')
        when new.state = 'RESERVED' and old.state <> 'RESERVED' then raise(abort, 'link_state')
      end;
    end
    """,
    """
    create trigger {table}_kept before delete on {table} begin
      select raise(abort, 'link_kept');
    end
    """,
    # `insert or replace` deletes without asking the trigger above
    """
    create trigger {table}_not_replaced before insert on {table}
    when exists (select 1 from {table} where id = new.id) begin
      select raise(abort, 'link_kept');
    end
    """,
)
SQLITE_TRIGGERS = (
    """
    create trigger project_link_has_samples before update on project_link
    when new.state = 'RETIRED' and exists (
      select 1 from sample_link where project_link_id = old.id and state <> 'RETIRED'
    ) begin
      select raise(abort, 'project_link_has_samples');
    end
    """,
    """
    create trigger sample_link_project_retired_insert before insert on sample_link
    when new.state <> 'RETIRED' and exists (
      select 1 from project_link where id = new.project_link_id and state = 'RETIRED'
    ) begin
      select raise(abort, 'sample_link_project_retired');
    end
    """,
    """
    create trigger sample_link_project_retired_update before update on sample_link
    when new.state <> 'RETIRED' and exists (
      select 1 from project_link where id = new.project_link_id and state = 'RETIRED'
    ) begin
      select raise(abort, 'sample_link_project_retired');
    end
    """,
    """
    create trigger link_event_not_updated before update on link_event begin
      select raise(abort, 'link_event_append_only');
    end
    """,
    """
    create trigger link_event_not_deleted before delete on link_event begin
      select raise(abort, 'link_event_append_only');
    end
    """,
    """
    create trigger link_event_not_replaced before insert on link_event
    when exists (
      select 1 from link_event where id = new.id
        or (project_link_id = new.project_link_id and revision = new.revision)
        or (sample_link_id = new.sample_link_id and revision = new.revision)
    ) begin
      select raise(abort, 'link_event_append_only');
    end
    """,
    """
    create trigger cohort_snapshot_not_updated before update on cohort_snapshot begin
      select raise(abort, 'cohort_snapshot_frozen');
    end
    """,
)

POSTGRESQL_FUNCTIONS = (
    """
    create function omnibis_refuse() returns trigger language plpgsql as $$
    begin
      raise exception '%', tg_argv[0]
        using errcode = 'integrity_constraint_violation', constraint = tg_argv[0];
    end $$
    """,
    """
    create function omnibis_project_has_samples() returns trigger language plpgsql as $$
    begin
      if exists (select 1 from sample_link
                 where project_link_id = old.id and state <> 'RETIRED') then
        raise exception 'project_link_has_samples'
          using errcode = 'integrity_constraint_violation',
                constraint = 'project_link_has_samples';
      end if;
      return new;
    end $$
    """,
    # the share lock makes a project's retirement wait for its new samples, and the reverse
    """
    create function omnibis_sample_project_retired() returns trigger language plpgsql as $$
    declare
      project_state text;
    begin
      select state into project_state from project_link
        where id = new.project_link_id for share;
      if project_state = 'RETIRED' then
        raise exception 'sample_link_project_retired'
          using errcode = 'integrity_constraint_violation',
                constraint = 'sample_link_project_retired';
      end if;
      return new;
    end $$
    """,
    # events are numbered in the order in which they become visible: writers take turns
    """
    create function omnibis_take_turn() returns trigger language plpgsql as $$
    begin
      perform pg_advisory_xact_lock(7236837419);
      return null;
    end $$
    """,
)
POSTGRESQL_TRIGGERS_OF_LINKS = (
    """
    create trigger {table}_1_retired before update on {table} for each row
    when (old.state = 'RETIRED') execute function omnibis_refuse('link_retired')
    """,
    """
    create trigger {table}_2_revision before update on {table} for each row
    when (new.revision <> old.revision + 1) execute function omnibis_refuse('link_revision')
    """,
    """
    create trigger {table}_3_identity before update on {table} for each row
    when (new.id <> old.id or new.created_at <> old.created_at)
    execute function omnibis_refuse('link_identity')
    """,
    """
    create trigger {table}_4_state before update on {table} for each row
    when (new.state = 'RESERVED' and old.state <> 'RESERVED')
    execute function omnibis_refuse('link_state')
    """,
    """
    create trigger {table}_kept before delete or truncate on {table} for each statement
    execute function omnibis_refuse('link_kept')
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    create trigger project_link_has_samples before update on project_link for each row
    when (new.state = 'RETIRED') execute function omnibis_project_has_samples()
    """,
    """
    create trigger sample_link_project_retired before insert or update on sample_link
    for each row when (new.state <> 'RETIRED') execute function omnibis_sample_project_retired()
    """,
    """
    create trigger link_event_append_only before update or delete or truncate on link_event
    for each statement execute function omnibis_refuse('link_event_append_only')
    """,
    """
    create trigger link_event_take_turn before insert on link_event
    for each statement execute function omnibis_take_turn()
    """,
    """
    create trigger cohort_snapshot_frozen before update on cohort_snapshot
    for each row execute function omnibis_refuse('cohort_snapshot_frozen')
    """,
)


def upgrade() -> None:
    """Create tables, indexes and triggers."""
    op.create_table(
        "project_link",
        *_link_columns(),
        *_link_rules("project_link"),
        sa.UniqueConstraint(
            "id",
            "openbis_perm_id",
            "openbis_instance",
            "omero_instance",
            name=op.f("uq_project_link_identity"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sample_link",
        *_link_columns(),
        sa.Column("project_link_id", BIG, nullable=False),
        sa.Column("project_perm_id", sa.String(), nullable=False),
        *_link_rules("sample_link"),
        sa.ForeignKeyConstraint(
            ["project_link_id", "project_perm_id", "openbis_instance", "omero_instance"],
            [
                "project_link.id",
                "project_link.openbis_perm_id",
                "project_link.openbis_instance",
                "project_link.omero_instance",
            ],
            name=op.f("fk_sample_link_project_link"),
        ),
        sqlite_autoincrement=True,
    )
    for table in LINK_TABLES:
        for end, columns in {
            "openbis": ["openbis_instance", "openbis_perm_id"],
            "omero": ["omero_instance", "omero_id"],
        }.items():
            op.create_index(
                op.f(f"uq_{table}_live_{end}"),
                table,
                columns,
                unique=True,
                sqlite_where=LIVE,
                postgresql_where=LIVE,
            )
        op.create_index(op.f(f"ix_{table}_state"), table, ["state", "id"])
    op.create_index(
        op.f("ix_sample_link_project_link"), "sample_link", ["project_link_id", "state"]
    )
    op.create_index(
        op.f("ix_sample_link_project"), "sample_link", ["openbis_instance", "project_perm_id", "id"]
    )
    _create_history()
    _create_snapshots()
    for statement in _triggers():
        op.execute(statement)


def downgrade() -> None:
    """Drop everything, history included."""
    for table in ("cohort_snapshot", "link_event", "sample_link", "project_link"):
        op.drop_table(table)  # and its indexes and triggers
    if op.get_context().dialect.name == "postgresql":
        for function in ("refuse", "project_has_samples", "sample_project_retired", "take_turn"):
            op.execute(f"drop function omnibis_{function}()")


def _link_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("openbis_instance", sa.String(), nullable=False),
        sa.Column("openbis_perm_id", sa.String(), nullable=False),
        sa.Column("omero_instance", sa.String(), nullable=False),
        sa.Column("omero_id", BIG, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
    )


def _link_rules(table: str) -> tuple[sa.CheckConstraint, ...]:
    rules = {
        "state": "state in ('RESERVED', 'ACTIVE', 'BROKEN', 'RETIRED')",
        # the cast: SQLite would let a text or a fraction pass for a number
        "omero_id": "omero_id > 0 and omero_id = cast(omero_id as bigint)",
        "revision": "revision > 0",
    }
    texts = ("openbis_instance", "openbis_perm_id", "omero_instance", "evidence", "author")
    return (*_checks(table, rules), *_not_blank(table, texts))


def _checks(table: str, rules: dict[str, str]) -> tuple[sa.CheckConstraint, ...]:
    return tuple(
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    )


def _not_blank(table: str, columns: tuple[str, ...]) -> tuple[sa.CheckConstraint, ...]:
    return _checks(table, {column: f"length(trim({column})) > 0" for column in columns})


def _create_history() -> None:
    op.create_table(
        "link_event",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("project_link_id", BIG, nullable=True),
        sa.Column("sample_link_id", BIG, nullable=True),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("old_state", sa.String(), nullable=True),
        sa.Column("new_state", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("details", sa.String(), nullable=False),
        *_checks(
            "link_event", {"one_link": "(project_link_id is null) <> (sample_link_id is null)"}
        ),
        *_not_blank("link_event", ("change", "author")),
        sa.UniqueConstraint(
            "project_link_id", "revision", name=op.f("uq_link_event_project_link_id_revision")
        ),
        sa.UniqueConstraint(
            "sample_link_id", "revision", name=op.f("uq_link_event_sample_link_id_revision")
        ),
        sa.ForeignKeyConstraint(
            ["project_link_id"], ["project_link.id"], name=op.f("fk_link_event_project_link")
        ),
        sa.ForeignKeyConstraint(
            ["sample_link_id"], ["sample_link.id"], name=op.f("fk_link_event_sample_link")
        ),
        sqlite_autoincrement=True,
    )


def _create_snapshots() -> None:
    op.create_table(
        "cohort_snapshot",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("predicate", sa.String(), nullable=False),
        sa.Column("members_digest", sa.String(), nullable=False),
        sa.Column("link_revision", BIG, nullable=False),
        sa.Column("backend_versions", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohort_snapshot")),
        *_not_blank("cohort_snapshot", ("id", "name", "author")),
        *_checks(
            "cohort_snapshot",
            {
                "members_digest": "length(members_digest) = 64",
                "link_revision": "link_revision >= 0",
            },
        ),
    )
    op.create_index(op.f("ix_cohort_snapshot_name"), "cohort_snapshot", ["name"])


def _triggers() -> list[str]:
    if op.get_context().dialect.name == "sqlite":
        return [*_for_each_link_table(SQLITE_TRIGGERS_OF_LINKS), *SQLITE_TRIGGERS]
    return [
        *POSTGRESQL_FUNCTIONS,
        *_for_each_link_table(POSTGRESQL_TRIGGERS_OF_LINKS),
        *POSTGRESQL_TRIGGERS,
    ]


def _for_each_link_table(triggers: tuple[str, ...]) -> list[str]:
    return [trigger.format(table=table) for table in LINK_TABLES for trigger in triggers]
