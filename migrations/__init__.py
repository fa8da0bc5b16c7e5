"""The history of the link database's tables, one file per step in `versions`.

The steps are run by `link_store/migrate.py` through `env.py`; there is no `alembic.ini`, all
configuration is in code. Each step runs on SQLite and on PostgreSQL. A step that has been released
is never changed.
"""
