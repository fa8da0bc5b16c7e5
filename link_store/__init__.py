"""The link database: which openBIS project or sample corresponds to which end in OMERO.

This is the only data that omnibis owns. `store.py` is the door for look-ups and writes,
`database.py` the engine behind it, `records.py` what comes out, `errors.py` what can go wrong,
`reconcile.py` the comparison with both systems. Only here and in `migrations` is SQL spoken;
nothing of the backends is known here.
"""
