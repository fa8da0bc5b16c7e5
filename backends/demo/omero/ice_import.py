"""`python -m backends.demo.omero.ice_import`: what `omero import` is to a real OMERO, in small.

It takes any file, makes an image of it (or several) in a dataset of the embedded OMERO over Ice,
with the file's name, size and SHA-1 as the real import keeps them, and prints `Image:<id>`. Pixels
are not read: the image has the size that the options say. Tests and demonstrations configure it as
the import command; a real OMERO would miss the binary data.
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
    parser.add_argument("--images", type=int, default=1, help="how many the file holds")
    parser.add_argument("file", type=Path)
    given = parser.parse_args(arguments)
    if not given.file.is_file():
        sys.stderr.write("there is no such file\n")
        return 1
    client = omero.client(args=_trusting(given))
    try:
        client.joinSession(given.session)
        numbers = _save(client, given)
    finally:
        client.closeSession()
    sys.stdout.write(f"Image:{','.join(map(str, numbers))}\n")
    return 0


def _trusting(given: argparse.Namespace) -> list[str]:
    settings = [f"--omero.host={given.host}", f"--omero.port={given.port}"]
    if given.certificate:
        settings += [
            "--IceSSL.VerifyPeer=1",
            f"--IceSSL.CAs={given.certificate}",
        ]
    return settings


def _save(client: Any, given: argparse.Namespace) -> list[int]:
    """Save the fileset with its images, as the importer does, and return the images' ids."""
    file, dataset = given.file, given.dataset
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
    fileset_id = saved.id.val
    return [_image(update, query, given, fileset_id, series) for series in range(given.images)]


def _image(update: Any, query: Any, given: argparse.Namespace, fileset: int, series: int) -> int:
    context = {"omero.group": str(query.get("Dataset", given.dataset).details.group.id.val)}
    image = omero.model.ImageI()
    image.name = rstring(given.file.name if given.images == 1 else f"{given.file.name} #{series}")
    image.series, image.partial, image.archived = rint(series), rbool(False), rbool(False)
    image.fileset = omero.model.FilesetI(fileset, False)
    made = update.saveAndReturnObject(image, context)
    pixels = omero.model.PixelsI()
    pixels.sizeX, pixels.sizeY = rint(given.size[0]), rint(given.size[1])
    pixels.sizeZ, pixels.sizeC, pixels.sizeT = rint(1), rint(1), rint(1)
    pixels.sha1 = rstring("pending")
    pixels.pixelsType = _enumeration(query, "PixelsType", "uint8")
    pixels.dimensionOrder = _enumeration(query, "DimensionOrder", "XYZCT")
    pixels.image = omero.model.ImageI(made.id.val, False)
    update.saveAndReturnObject(pixels, context)
    link = omero.model.DatasetImageLinkI()
    link.parent = omero.model.DatasetI(given.dataset, False)
    link.child = omero.model.ImageI(made.id.val, False)
    update.saveAndReturnObject(link, context)
    return int(made.id.val)


def _enumeration(query: Any, entity: str, value: str) -> Any:
    return query.findByString(entity, "value", value)


if __name__ == "__main__":
    sys.exit(main())
