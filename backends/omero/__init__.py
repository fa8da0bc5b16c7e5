"""The OMERO adapter: HQL projections over a transport, answered as frozen records.

Nothing outside this package knows HQL or OMERO's model; resolvers call `client.py`.
"""
