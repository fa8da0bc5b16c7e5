"""Create the operations, durable registrations under way, and what they lay claim to.

A second request of the same owner with the same key finds the first (unique constraint); two
operations never work on the same thing (the claim is a primary key); an operation that has ended
keeps no sessions (check constraint).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)
UNFINISHED = sa.text("state not in ('SUCCEEDED', 'FAILED', 'CANCELLED')")


def upgrade() -> None:
    """Build both tables."""
    op.create_table(
        "operation",
        sa.Column("id", sa.String(), nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in (
                *("openbis_instance", "omero_instance", "kind", "owner", "key", "title"),
                *("state", "input", "steps"),
            )
        ),
        sa.Column("outcome", sa.String()),
        sa.Column("error", sa.String()),
        sa.Column("credentials", sa.String()),
        sa.Column("viewer", sa.String(), nullable=False),
        sa.Column("done", BIG),
        sa.Column("total", BIG),
        sa.Column("message", sa.String()),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("committed", sa.Boolean(), nullable=False),
        sa.Column("runner", sa.String()),
        sa.Column("lease_until", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operation")),
        sa.CheckConstraint("length(trim(id)) > 0", name=op.f("ck_operation_id")),
        sa.CheckConstraint("length(trim(owner)) > 0", name=op.f("ck_operation_owner")),
        sa.CheckConstraint("length(trim(key)) > 0", name=op.f("ck_operation_key")),
        sa.CheckConstraint(
            "credentials is null or state not in ('SUCCEEDED', 'FAILED', 'CANCELLED')",
            name=op.f("ck_operation_credentials"),
        ),
        sa.UniqueConstraint(
            *("openbis_instance", "omero_instance", "owner", "key"),
            name=op.f("uq_operation_openbis_instance_omero_instance_owner_key"),
        ),
    )
    op.create_index(
        "ix_operation_live",
        "operation",
        ["lease_until"],
        sqlite_where=UNFINISHED,
        postgresql_where=UNFINISHED,
    )
    op.create_index("ix_operation_owner", "operation", ["openbis_instance", "owner", "created_at"])
    op.create_table(
        "operation_claim",
        sa.Column("claim", sa.String(), nullable=False),
        sa.Column("operation_id", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("claim", name=op.f("pk_operation_claim")),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["operation.id"], name=op.f("fk_operation_claim_operation")
        ),
    )
    op.create_index("ix_operation_claim_operation_id", "operation_claim", ["operation_id"])


def downgrade() -> None:
    """Remove both tables."""
    op.drop_table("operation_claim")
    op.drop_table("operation")
