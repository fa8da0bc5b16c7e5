"""The files that a frozen cohort is handed out as, one format a module.

Each writer takes a `Table` and writes to a binary file; what it writes follows from the table
alone, byte for byte. Which exports there are, and how they are kept, is `resolvers/cohorts/
shelf.py`'s business.
"""
