"""The embedded OMERO: HQL over SQLite with the real model; `store.py` is its door."""
