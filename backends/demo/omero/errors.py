"""What the embedded OMERO refuses or fails to do, as one tree.

    StoreError                     the store did not do what was asked
    ├── StoreAuthenticationError   unknown user or wrong password
    ├── StoreSessionError          no such session, or it is over
    │   └── StoreSessionTimeout    … because it was idle, or alive, for too long
    ├── StoreSecurityViolation     the user's groups or role do not allow it
    ├── StoreQueryError            illegal HQL or parameters; the message says what is wrong
    ├── StoreValidationError       an object that cannot be saved as it is
    │   ├── StoreLockError         … because somebody changed it in between
    │   └── StoreMissingError      … because it, or what it refers to, is not there to see
    ├── StoreContentError          rows that do not fit the OMERO model
    └── StoreUnavailableError      switched off or failing on purpose (`faults.py`)

`transport.py` translates them to `backends/errors.py`, `ice_errors.py` to OMERO's exceptions.
"""

from __future__ import annotations


class StoreError(Exception):
    """The store did not do what was asked; subclasses say why."""


class StoreAuthenticationError(StoreError):
    """Unknown user or wrong password."""


class StoreSessionError(StoreError):
    """No such session, or it is over."""


class StoreSessionTimeout(StoreSessionError):  # noqa: N818 - OMERO's own name
    """The session was idle, or alive, for too long."""


class StoreSecurityViolation(StoreError):  # noqa: N818 - OMERO's own name
    """The user's groups or role do not allow it."""


class StoreQueryError(StoreError):
    """Illegal HQL or parameters; the message says what is wrong."""


class StoreValidationError(StoreError):
    """An object that cannot be saved as it is."""


class StoreLockError(StoreValidationError):
    """Somebody changed the object since it was read."""


class StoreMissingError(StoreValidationError):
    """An object that is to be changed, or referred to, is not there to see."""


class StoreContentError(StoreError):
    """Rows that do not fit the OMERO model."""


class StoreUnavailableError(StoreError):
    """The store is switched off or fails on purpose."""
