"""Create the blocks of codes that registrations have been given.

A block of a series begins where an earlier one ended (a foreign key on the series itself), and no
two begin at the same number (unique): the blocks of a series are a chain, so that no number can be
in two of them, whoever writes. Blocks are never changed or deleted (triggers).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SERIES = ["openbis_instance", "scope", "series"]

SQLITE_TRIGGERS = (
    """
    create trigger code_block_not_updated before update on code_block begin
      select raise(abort, 'code_block_kept');
    end
    """,
    """
    create trigger code_block_not_deleted before delete on code_block begin
      select raise(abort, 'code_block_kept');
    end
    """,
    # `insert or replace` deletes without asking the trigger above
    """
    create trigger code_block_not_replaced before insert on code_block
    when exists (select 1 from code_block where id = new.id) begin
      select raise(abort, 'code_block_kept');
    end
    """,
)
POSTGRESQL_TRIGGER = """
    create trigger code_block_kept before update or delete or truncate on code_block
    for each statement execute function omnibis_refuse('code_block_kept')
    """


def upgrade() -> None:
    """Create the table and its triggers."""
    op.create_table(
        "code_block",
        sa.Column("id", BIG, primary_key=True, autoincrement=True),
        sa.Column("openbis_instance", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("first", BIG, nullable=False),
        sa.Column("next", BIG, nullable=False),
        sa.Column("previous", BIG, nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        _check("openbis_instance", "length(trim(openbis_instance)) > 0"),
        _check("scope", "length(trim(scope)) > 0"),
        _check("series", "length(trim(series)) > 0"),
        _check("numbers", "first > 0 and next > first"),
        _check("chain", "coalesce(previous, 1) = first"),
        sa.UniqueConstraint(*SERIES, "first", name=op.f("uq_code_block_first")),
        sa.UniqueConstraint(*SERIES, "next", name=op.f("uq_code_block_next")),
        sa.UniqueConstraint(*SERIES, "owner", name=op.f("uq_code_block_owner")),
        sa.ForeignKeyConstraint(
            [*SERIES, "previous"],
            [f"code_block.{column}" for column in (*SERIES, "next")],
            name=op.f("fk_code_block_code_block"),
        ),
        sqlite_autoincrement=True,
    )
    if op.get_context().dialect.name == "sqlite":
        for statement in SQLITE_TRIGGERS:
            op.execute(statement)
    else:
        op.execute(POSTGRESQL_TRIGGER)


def downgrade() -> None:
    """Drop the table, and its triggers with it."""
    op.drop_table("code_block")


def _check(name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"ck_code_block_{name}"))
