from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from resolvers import addresses
from resolvers.errors import BadInput


def context(web: str | None) -> Any:
    return SimpleNamespace(services=SimpleNamespace(omero_web=web))


@pytest.mark.parametrize("size", [16, 96, 512])
def test_thumbnails_are_served_here(size: int) -> None:
    assert addresses.thumbnail(7, size) == f"/images/7/thumbnail?size={size}"


@pytest.mark.parametrize("size", [-1, 0, 15, 513, 10**9])
def test_thumbnails_have_a_sensible_size(size: int) -> None:
    with pytest.raises(BadInput, match=f"between 16 and 512; it is {size}"):
        addresses.thumbnail(7, size)


@pytest.mark.parametrize("web", ["https://omero.example/web", "https://omero.example/web/"])
def test_addresses_in_omero_web(web: str) -> None:
    base = "https://omero.example/web"
    assert addresses.viewer(context(web), 7) == f"{base}/webclient/img_detail/7/"
    assert addresses.iviewer(context(web), 7) == f"{base}/iviewer/?images=7"
    assert addresses.download(context(web), 7) == f"{base}/webgateway/archived_files/download/7"


def test_without_omero_web_there_are_none() -> None:
    for make in (addresses.viewer, addresses.iviewer, addresses.download):
        assert make(context(None), 7) is None
