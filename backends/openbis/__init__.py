"""The openBIS adapter: typed questions in, records out, one round trip each.

Resolvers use `client.py`; the composition root chooses a transport from `transport.py`. Nothing
here knows of HTTP requests to omnibis, of GraphQL, or of the embedded server.
"""
