"""The contract: one noun a file, each field described and marked with where it comes from.

A GraphQL object's value at run time is the frozen record that an adapter made
(`backends/records.py`, `link_store/records.py`); plain fields read its attributes, the
others name a resolver function of their module. No logic of federation lives here: that is in
`resolvers/`.
"""
