"""What the embedded OMERO refuses or fails to do, as one tree.

    StoreError                     the store did not do what was asked
    ├── StoreAuthenticationError   unknown user or wrong password
    ├── StoreSessionError          no such session, or it is over
    ├── StoreSecurityViolation     the group context is not the user's to read
    ├── StoreQueryError            illegal HQL or parameters; the message says what is wrong
    ├── StoreContentError          rows that do not fit the OMERO model
    └── StoreUnavailableError      switched off or failing on purpose (`faults.py`)

`transport.py` translates them to `backends/errors.py`.
"""

from __future__ import annotations


class StoreError(Exception):
    """The store did not do what was asked; subclasses say why."""


class StoreAuthenticationError(StoreError):
    """Unknown user or wrong password."""


class StoreSessionError(StoreError):
    """No such session, or it is over."""


class StoreSecurityViolation(StoreError):  # noqa: N818 - OMERO's own name
    """The group context is not the user's to read."""


class StoreQueryError(StoreError):
    """Illegal HQL or parameters; the message says what is wrong."""


class StoreContentError(StoreError):
    """Rows that do not fit the OMERO model."""


class StoreUnavailableError(StoreError):
    """The store is switched off or fails on purpose."""
