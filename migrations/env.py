"""Alembic's entry: runs the steps on the connection that `link_store/migrate.py` hands over.

With a connection in the configuration's attributes the steps are executed inside its transaction,
which that module has opened and locked. Without one (offline mode) the SQL is written out.
"""

from __future__ import annotations

from alembic import context

from link_store.models import LinkTable


def run() -> None:
    """Run or write the steps that the caller asked for."""
    if context.is_offline_mode():
        context.configure(
            dialect_name=context.config.attributes["dialect_name"],
            target_metadata=LinkTable.metadata,
            literal_binds=True,
            transactional_ddl=True,
        )
    else:
        context.configure(
            connection=context.config.attributes["connection"],
            target_metadata=LinkTable.metadata,
            transactional_ddl=True,
        )
    with context.begin_transaction():
        context.run_migrations()


run()
