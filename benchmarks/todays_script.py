"""The paper's question as people ask it today: a script of pybis and BlitzGateway, loop and filter.

Unmodified clients over the wire, written as their tutorials write: from each patient down to the
samples, from each sample to the dataset of its name, from each image to its annotations. Run by
`cohorts.py` in a thread, beside the same question asked of omnibis.
"""

from __future__ import annotations

from typing import Any

from backends.demo.accounts import DEMO_PASSWORD

USER = "steward"


def patients(openbis_address: str, omero_port: int) -> list[str]:
    """Return the permIds of the patients with an abdomen CT, tumour tiles and a tumour genome."""
    from omero.gateway import BlitzGateway  # noqa: PLC0415 - needs Ice
    from pybis import Openbis  # noqa: PLC0415 - the peer, needed here only

    openbis = Openbis(
        openbis_address,
        verify_certificates=False,
        allow_http_but_do_not_use_this_in_production_and_only_within_safe_networks=True,
    )
    openbis.login(USER, DEMO_PASSWORD, save_token=False)
    omero = BlitzGateway(USER, DEMO_PASSWORD, host="127.0.0.1", port=omero_port, secure=True)
    if not omero.connect():
        raise RuntimeError("The embedded OMERO did not let the gateway in.")
    omero.SERVICE_OPTS.setOmeroGroup("-1")
    try:
        found = openbis.get_samples(type="Q_BIOLOGICAL_ENTITY", space="CLINICAL")
        return sorted(patient.permId for patient in found if _belongs(patient, omero))
    finally:
        omero.close()
        openbis.logout()


def _belongs(patient: Any, omero: Any) -> bool:
    scan = tiles = genome = False
    for tissue in patient.get_children():
        properties = tissue.props.all_nonempty()
        if properties.get("q_primary_tissue") == "ABDOMEN":
            scan = scan or any(_modality(each) == "CT" for each in _images(omero, tissue))
        if properties.get("q_dignity") == "MALIGNANT":
            stained = [each for each in _images(omero, tissue) if _is_tile(each)]
            tiles = tiles or len(stained) >= 5  # noqa: PLR2004 - as the question says
            genome = genome or _has_genome(tissue)
    return scan and tiles and genome


def _images(omero: Any, tissue: Any) -> list[Any]:
    dataset = omero.getObject("Dataset", attributes={"name": tissue.code})
    return [] if dataset is None else list(dataset.listChildren())


def _modality(image: Any) -> str | None:
    for annotation in image.listAnnotations():
        if annotation.OMERO_TYPE.__name__ == "MapAnnotationI":
            for key, value in annotation.getValue():
                if key == "Modality":
                    return str(value)
    return None


def _is_tile(image: Any) -> bool:
    size = image.getPixelSizeX(units="MICROMETER")
    if size is None or not 0.25 <= size.getValue() <= 0.6:  # noqa: PLR2004 - as the question says
        return False
    return any(
        annotation.OMERO_TYPE.__name__ == "TagAnnotationI" and annotation.getValue() == "H&E"
        for annotation in image.listAnnotations()
    )


def _has_genome(sample: Any) -> bool:
    if any(each.type.code == "Q_NGS_RAW_DATA" for each in sample.get_datasets()):
        return True
    return any(_has_genome(child) for child in sample.get_children())
