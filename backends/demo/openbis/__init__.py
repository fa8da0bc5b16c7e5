"""The embedded openBIS: a v3 JSON-RPC server over content in memory; `server.py` is its door."""
