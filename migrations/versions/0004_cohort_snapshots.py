"""Keep the members of frozen cohorts, and whatever else proves what they were.

The table of 0001 held no members and was never written; it makes room for two. The database itself
sees to it that a snapshot never changes: its row takes one change only, the mark of its deletion,
and is never removed; members are written once, as many as the row announces, and go only after
that mark.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
FROZEN = (
    *("id", "openbis_instance", "omero_instance", "name", "description", "unit", "predicate"),
    *("completeness", "backend_versions", "link_revision", "member_count", "digest", "author"),
    "created_at",
)

SQLITE_TRIGGERS = (
    f"""
    create trigger cohort_snapshot_frozen before update on cohort_snapshot
    when old.deleted_at is not null or new.deleted_at is null
      or {" or ".join(f"new.{column} is not old.{column}" for column in FROZEN)}
    begin
      select raise(abort, 'cohort_snapshot_frozen');
    end
    """,
    """
    create trigger cohort_snapshot_kept before delete on cohort_snapshot begin
      select raise(abort, 'cohort_snapshot_kept');
    end
    """,
    # `insert or replace` deletes without asking the trigger above
    """
    create trigger cohort_snapshot_not_replaced before insert on cohort_snapshot
    when exists (select 1 from cohort_snapshot where id = new.id) begin
      select raise(abort, 'cohort_snapshot_kept');
    end
    """,
    """
    create trigger cohort_snapshot_member_announced before insert on cohort_snapshot_member
    when exists (
      select 1 from cohort_snapshot_member where snapshot_id = new.snapshot_id
        and (position = new.position or perm_id = new.perm_id)
    ) or exists (
      select 1 from cohort_snapshot where id = new.snapshot_id
        and (new.position > member_count or deleted_at is not null)
    ) begin
      select raise(abort, 'cohort_snapshot_frozen');
    end
    """,
    """
    create trigger cohort_snapshot_member_not_updated before update on cohort_snapshot_member begin
      select raise(abort, 'cohort_snapshot_frozen');
    end
    """,
    """
    create trigger cohort_snapshot_member_kept before delete on cohort_snapshot_member
    when exists (
      select 1 from cohort_snapshot where id = old.snapshot_id and deleted_at is null
    ) begin
      select raise(abort, 'cohort_snapshot_frozen');
    end
    """,
)

POSTGRESQL_STATEMENTS = (
    f"""
    create trigger cohort_snapshot_frozen before update on cohort_snapshot for each row
    when (old.deleted_at is not null or new.deleted_at is null
      or {" or ".join(f"new.{column} is distinct from old.{column}" for column in FROZEN)})
    execute function omnibis_refuse('cohort_snapshot_frozen')
    """,
    """
    create trigger cohort_snapshot_kept before delete or truncate on cohort_snapshot
    for each statement execute function omnibis_refuse('cohort_snapshot_kept')
    """,
    # once per statement, not per member: there may be hundreds of thousands
    """
    create function omnibis_members_announced() returns trigger language plpgsql as $$
    begin
      if exists (select 1 from added
                 join cohort_snapshot on cohort_snapshot.id = added.snapshot_id
                 where position > member_count or deleted_at is not null) then
        raise exception 'cohort_snapshot_frozen'
          using errcode = 'integrity_constraint_violation',
                constraint = 'cohort_snapshot_frozen';
      end if;
      return null;
    end $$
    """,
    """
    create function omnibis_members_kept() returns trigger language plpgsql as $$
    begin
      if exists (select 1 from removed
                 join cohort_snapshot on cohort_snapshot.id = removed.snapshot_id
                 where deleted_at is null) then
        raise exception 'cohort_snapshot_frozen'
          using errcode = 'integrity_constraint_violation',
                constraint = 'cohort_snapshot_frozen';
      end if;
      return null;
    end $$
    """,
    """
    create trigger cohort_snapshot_member_announced after insert on cohort_snapshot_member
    referencing new table as added for each statement
    execute function omnibis_members_announced()
    """,
    """
    create trigger cohort_snapshot_member_kept after delete on cohort_snapshot_member
    referencing old table as removed for each statement
    execute function omnibis_members_kept()
    """,
    """
    create trigger cohort_snapshot_member_frozen before update or truncate
    on cohort_snapshot_member
    for each statement execute function omnibis_refuse('cohort_snapshot_frozen')
    """,
)


def upgrade() -> None:
    """Make the two tables in place of the one."""
    op.drop_table("cohort_snapshot")
    op.create_table(
        "cohort_snapshot",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("openbis_instance", sa.String(), nullable=False),
        sa.Column("omero_instance", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("predicate", sa.String(), nullable=False),
        sa.Column("completeness", sa.String(), nullable=False),
        sa.Column("backend_versions", sa.String(), nullable=False),
        sa.Column("link_revision", BIG, nullable=False),
        sa.Column("member_count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("deleted_by", sa.String(), nullable=True),
        sa.Column("deleted_at", TIME, nullable=True),
        *_checks(
            "cohort_snapshot",
            {
                "openbis_instance": "length(trim(openbis_instance)) > 0",
                "omero_instance": "length(trim(omero_instance)) > 0",
                "name": "length(trim(name)) > 0",
                "unit": "unit in ('SUBJECT', 'SAMPLE')",
                "link_revision": "link_revision >= 0",
                "member_count": "member_count >= 0",
                "digest": "length(digest) = 64",
                "author": "length(trim(author)) > 0",
                "deleted": "(deleted_at is null) = (deleted_by is null)",
            },
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_cohort_snapshot_author"), "cohort_snapshot", ["author", "id"])
    op.create_index(op.f("ix_cohort_snapshot_digest"), "cohort_snapshot", ["digest"])
    op.create_table(
        "cohort_snapshot_member",
        sa.Column("snapshot_id", BIG, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("perm_id", sa.String(), nullable=False),
        sa.Column("details", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("snapshot_id", "position", name=op.f("pk_cohort_snapshot_member")),
        *_checks(
            "cohort_snapshot_member",
            {"position": "position > 0", "perm_id": "length(trim(perm_id)) > 0"},
        ),
        sa.UniqueConstraint(
            "snapshot_id", "perm_id", name=op.f("uq_cohort_snapshot_member_snapshot_id_perm_id")
        ),
        sa.ForeignKeyConstraint(
            ["snapshot_id"],
            ["cohort_snapshot.id"],
            name=op.f("fk_cohort_snapshot_member_cohort_snapshot"),
        ),
    )
    sqlite = op.get_context().dialect.name == "sqlite"
    for statement in SQLITE_TRIGGERS if sqlite else POSTGRESQL_STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Bring the one table back, empty."""
    op.drop_table("cohort_snapshot_member")
    op.drop_table("cohort_snapshot")
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
        *_checks(
            "cohort_snapshot",
            {
                "id": "length(trim(id)) > 0",
                "name": "length(trim(name)) > 0",
                "author": "length(trim(author)) > 0",
                "members_digest": "length(members_digest) = 64",
                "link_revision": "link_revision >= 0",
            },
        ),
    )
    op.create_index(op.f("ix_cohort_snapshot_name"), "cohort_snapshot", ["name"])
    if op.get_context().dialect.name == "sqlite":
        op.execute(
            """
            create trigger cohort_snapshot_not_updated before update on cohort_snapshot begin
              select raise(abort, 'cohort_snapshot_frozen');
            end
            """
        )
        return
    op.execute("drop function omnibis_members_announced()")
    op.execute("drop function omnibis_members_kept()")
    op.execute(
        """
        create trigger cohort_snapshot_frozen before update on cohort_snapshot
        for each row execute function omnibis_refuse('cohort_snapshot_frozen')
        """
    )


def _checks(table: str, rules: dict[str, str]) -> tuple[sa.CheckConstraint, ...]:
    return tuple(
        sa.CheckConstraint(rule, name=op.f(f"ck_{table}_{name}")) for name, rule in rules.items()
    )
