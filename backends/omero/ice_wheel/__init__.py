"""Ice for Python, made where it runs: zeroc-ice 3.6.5 from its source package into a cached wheel.

OMERO speaks Ice 3.6, which is published as source only and needs two small headers to compile on
CPython 3.11 and newer. `python -m backends.omero.ice_wheel` fetches, compiles, caches and installs
it. Only the standard library is used here; nothing of omnibis imports this package.
"""
