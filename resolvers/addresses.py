"""Addresses of images for people's browsers: thumbnails here, viewers and downloads in OMERO.web.

No session id is ever part of an address made here: it would end in histories, logs and referrers.
"""

from __future__ import annotations

from resolvers.context import RequestContext
from resolvers.errors import BadInput

SMALLEST_THUMBNAIL = 16
LARGEST_THUMBNAIL = 512


def thumbnail(image_id: int, size: int) -> str:
    """Return the path of a thumbnail on this server.

    Raises:
        BadInput: the size is out of range.
    """
    if not SMALLEST_THUMBNAIL <= size <= LARGEST_THUMBNAIL:
        raise BadInput(
            f"`size` must be between {SMALLEST_THUMBNAIL} and {LARGEST_THUMBNAIL}; it is {size}."
        )
    return f"/images/{image_id}/thumbnail?size={size}"


def viewer(context: RequestContext, image_id: int) -> str | None:
    """Return the image's page in OMERO.web, if one is configured."""
    return _web(context, f"webclient/img_detail/{image_id}/")


def iviewer(context: RequestContext, image_id: int) -> str | None:
    """Return the image's page in OMERO.iviewer, if OMERO.web is configured."""
    return _web(context, f"iviewer/?images={image_id}")


def download(context: RequestContext, image_id: int) -> str | None:
    """Return the address of the image's original files, if OMERO.web is configured."""
    return _web(context, f"webgateway/archived_files/download/{image_id}")


def _web(context: RequestContext, path: str) -> str | None:
    base = context.services.omero_web
    return None if base is None else f"{base.rstrip('/')}/{path}"
