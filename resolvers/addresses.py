"""Addresses of images for people's browsers: thumbnails here, viewers and downloads in OMERO.web.

No session id is part of an address that goes into an answer of the API: it would end in caches,
histories, logs and referrers. `signed_in` makes the one that has one, for a redirect only.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from backends.errors import Source
from backends.fetch import NOTHING_MORE
from resolvers.context import RequestContext
from resolvers.errors import BadInput, Missing

SMALLEST_THUMBNAIL: Final = 16
LARGEST_THUMBNAIL: Final = 512
# What OMERO.web is let in with: it keeps the session alive while a page is open. A life span holds
# only on servers that limit the life of all sessions; idle time ends it everywhere.
LIFE_SECONDS: Final = 8 * 3600
IDLE_SECONDS: Final = 600
LARGEST_ID: Final = (1 << 63) - 1


def check_size(size: int) -> None:
    """Check the length of a thumbnail's longer side.

    Raises:
        BadInput: the size is out of range.
    """
    if not SMALLEST_THUMBNAIL <= size <= LARGEST_THUMBNAIL:
        raise BadInput(
            f"`size` must be between {SMALLEST_THUMBNAIL} and {LARGEST_THUMBNAIL}; it is {size}."
        )


def thumbnail(image_id: int, size: int) -> str:
    """Return the path of a thumbnail on this server.

    Raises:
        BadInput: the size is out of range.
    """
    check_size(size)
    return f"/images/{image_id}/thumbnail?size={size}"


def viewer(context: RequestContext, image_id: int, *, signed_in: bool = False) -> str | None:
    """Return the image's page in OMERO.web, if one is configured.

    With `signed_in` it is a path on this server, which signs the viewer in there on the way.
    """
    if signed_in:
        return None if context.services.omero_web is None else f"/images/{image_id}/viewer"
    return _web(context, _page(image_id))


async def signed_in(context: RequestContext, image_id: int) -> str:
    """Open a session for OMERO.web and return the image's page with it: a secret.

    Raises:
        Missing: there is no OMERO.web, or no such image that the viewer may see.
        NotSignedIn: the viewer has no session on OMERO.
        BackendError: OMERO failed.
    """
    page = _web(context, _page(image_id))
    if page is None:
        raise Missing("This server knows no OMERO.web: its operator sets OMNIBIS_OMERO_WEB_URL.")
    session, omero = context.omero_session(), context.services.omero
    if image_id > LARGEST_ID or image_id not in await omero.images_by_ids(
        session, [image_id], NOTHING_MORE, context.call
    ):
        raise Missing(f"There is no image {image_id} in OMERO that you may see.", Source.OMERO)
    another = await omero.open_another(
        session, context.call, life_seconds=LIFE_SECONDS, idle_seconds=IDLE_SECONDS
    )
    query = {
        "server": context.services.omero_web_server,
        "bsession": another.get_secret_value(),
    }
    return f"{page}?{urlencode(query)}"


def iviewer(context: RequestContext, image_id: int) -> str | None:
    """Return the image's page in OMERO.iviewer, if OMERO.web is configured."""
    return _web(context, f"iviewer/?images={image_id}")


def download(context: RequestContext, image_id: int) -> str | None:
    """Return the address of the image's original files, if OMERO.web is configured."""
    return _web(context, f"webgateway/archived_files/download/{image_id}")


def _page(image_id: int) -> str:
    return f"webclient/img_detail/{image_id}/"


def _web(context: RequestContext, path: str) -> str | None:
    base = context.services.omero_web
    return None if base is None else f"{base.rstrip('/')}/{path}"
