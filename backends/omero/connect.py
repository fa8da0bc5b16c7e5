"""The way to a real OMERO, or one sentence that says how to get what is missing.

The Ice modules can be imported only where the extra `omnibis[omero]` is installed, so nobody
imports them but this, when a server is to be reached. Called by `api/production.py` and by the
doctor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from backends.omero.ice_address import IceOptions, OmeroAddress

if TYPE_CHECKING:
    from backends.omero.ice_transport import IceTransport
    from backends.readings import Readings

NOT_INSTALLED: Final = (
    "OMERO is reached through omero-py, which is not installed here: run "
    "`python -m backends.omero.ice_wheel`, once, and then `pip install 'omnibis[omero]'`."
)


class IceMissing(Exception):  # noqa: N818 - the name is the state
    """omero-py or Ice is not installed; the message says how to install them."""


def ice_transport(
    address: OmeroAddress, options: IceOptions, readings: Readings | None = None
) -> IceTransport:
    """Return the transport to a server; nothing is opened yet.

    Raises:
        IceMissing: omero-py is not installed.
        AddressError: the file of certificates cannot be read.
    """
    try:
        from backends.omero.ice_transport import IceTransport  # noqa: PLC0415
    except ImportError:
        raise IceMissing(NOT_INSTALLED) from None
    return IceTransport(address, options, readings)
