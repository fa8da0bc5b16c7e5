"""`python -m backends.demo.omero.ice_import`: what `omero import` is to a real OMERO, in small.

It takes any file, makes one image of it in a dataset of the embedded OMERO over Ice, with the
file's name, size and SHA-1 as the real import keeps them, and prints `Image:<id>`. Pixels are not
read: the image has the size that the options say. Tests and demonstrations configure it as the
import command; a real OMERO would miss the binary data.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

import omero
import omero.clients
from omero.rtypes import rbool, rint, rlong, rstring


def main(arguments: list[str] | None = None) -> int:
    """Import one file; the exit code is 0, or 1 when it could not be done."""
    parser = argparse.ArgumentParser(prog="ice_import", description=__doc__)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=4064)
    parser.add_argument("--certificate", help="the authority to trust, in PEM")
    parser.add_argument("-k", "--session", required=True)
    parser.add_argument("-d", "--dataset", type=int, required=True)
    parser.add_argument("--size", type=int, nargs=2, default=(512, 512), metavar=("X", "Y"))
    parser.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    if not given.file.is_file():
        sys.stderr.write("there is no such file\n")
        return 1
    client = omero.client(args=_trusting(given))
    try:
        client.joinSession(given.session)
        number = _save(client, given.file, given.dataset, given.size)
    finally:
        client.closeSession()
    sys.stdout.write(f"Image:{number}\n")
    return 0


def _trusting(given: argparse.Namespace) -> list[str]:
    settings = [f"--omero.host={given.host}", f"--omero.port={given.port}"]
    if given.certificate:
        settings += [
            "--IceSSL.VerifyPeer=1",
            f"--IceSSL.CAs={given.certificate}",
        ]
    return settings


def _save(client: Any, file: Path, dataset: int, size: tuple[int, int]) -> int:
    """Save fileset and image together, as the importer does, and return the image's id."""
    session = client.getSession()
    query, update = session.getQueryService(), session.getUpdateService()
    parent = query.get("Dataset", dataset)
    group = parent.details.group.id.val
    context = {"omero.group": str(group)}
    original = omero.model.OriginalFileI()
    original.name, original.path = rstring(file.name), rstring(f"{file.parent}/")
    original.size = rlong(file.stat().st_size)
    original.hash = rstring(hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest())
    original.mimetype = rstring("application/octet-stream")
    entry = omero.model.FilesetEntryI()
    entry.originalFile, entry.clientPath = original, rstring(str(file))
    fileset = omero.model.FilesetI()
    fileset.templatePrefix = rstring("imported/")
    fileset.addFilesetEntry(entry)
    saved = update.saveAndReturnObject(fileset, context)
    image = omero.model.ImageI()
    image.name, image.series, image.partial = rstring(file.name), rint(0), rbool(False)
    image.archived = rbool(False)
    image.fileset = omero.model.FilesetI(saved.id.val, False)
    made = update.saveAndReturnObject(image, context)
    pixels = omero.model.PixelsI()
    pixels.sizeX, pixels.sizeY = rint(size[0]), rint(size[1])
    pixels.sizeZ, pixels.sizeC, pixels.sizeT = rint(1), rint(1), rint(1)
    pixels.sha1 = rstring("pending")
    pixels.pixelsType = _enumeration(query, "PixelsType", "uint8")
    pixels.dimensionOrder = _enumeration(query, "DimensionOrder", "XYZCT")
    pixels.image = omero.model.ImageI(made.id.val, False)
    update.saveAndReturnObject(pixels, context)
    link = omero.model.DatasetImageLinkI()
    link.parent = omero.model.DatasetI(dataset, False)
    link.child = omero.model.ImageI(made.id.val, False)
    update.saveAndReturnObject(link, context)
    return int(made.id.val)


def _enumeration(query: Any, entity: str, value: str) -> Any:
    return query.findByString(entity, "value", value)


if __name__ == "__main__":
    sys.exit(main())
