"""The omics data of QHCC0: RNA-seq and exomes of biopsies and blood, NMR spectra of plasma.

As at QBiC a data set hangs on a run sample below an extract below the material. Called by `hcc.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from backends.demo.registration import Registration
from backends.demo.world import Experiment, Sample


def add_sequencing(
    registration: Registration,
    rng: Random,
    biopsies: Sequence[tuple[int, str, Sample]],
    blood: Sequence[Sample],
) -> None:
    """Register RNA-seq and exomes of every biopsy, and the germline exome of each blood."""
    preparation = registration.experiment("Q_SAMPLE_PREPARATION", {"Q_CURRENT_STATUS": "FINISHED"})
    tumours = [sample for _, _, sample in biopsies]
    transcriptomes = [
        (sample, _extract(registration, preparation, rng, sample, "RNA")) for sample in tumours
    ]
    exomes = [
        (sample, _extract(registration, preparation, rng, sample, "DNA"))
        for sample in [*tumours, *blood]
    ]
    registration.pause(days=21)
    for name, kind, extracts, millions in (
        ("Transcriptomes", "RNA_SEQ", transcriptomes, (30, 60)),
        ("Exomes", "WHOLE_EXOME", exomes, (50, 110)),
    ):
        experiment = registration.experiment(
            "Q_NGS_MEASUREMENT",
            {
                "Q_SECONDARY_NAME": name,
                "Q_SEQUENCING_MODE": "PAIRED_END",
                "Q_SEQUENCING_TYPE": kind,
                "Q_SEQUENCER_DEVICE": "ILLUMINA_HISEQ_2500",
                "Q_CURRENT_STATUS": "FINISHED",
            },
        )
        for material, extract in extracts:
            _sequence(registration, experiment, material, extract, rng.randint(*millions) * 10**6)


def _extract(
    registration: Registration, experiment: Experiment, rng: Random, material: Sample, analyte: str
) -> Sample:
    integrity = f"{rng.uniform(6.5, 9.6):.1f}" if analyte == "RNA" else None
    return registration.sample(
        "Q_TEST_SAMPLE",
        experiment,
        {
            "Q_SECONDARY_NAME": f"{analyte} of {material.properties['Q_SECONDARY_NAME']}",
            "Q_SAMPLE_TYPE": analyte,
            "Q_RNA_INTEGRITY_NUMBER": integrity,
        },
        parents=[material],
    )


def _sequence(
    registration: Registration,
    experiment: Experiment,
    material: Sample,
    extract: Sample,
    reads: int,
) -> None:
    name = f"{experiment.properties['Q_SECONDARY_NAME']}: {material.properties['Q_SECONDARY_NAME']}"
    run = registration.sample(
        "Q_NGS_SINGLE_SAMPLE_RUN",
        experiment,
        {"Q_SECONDARY_NAME": name},
        parents=[extract],
        code=f"NGS{extract.code}",
    )
    registration.stored_data(
        "Q_NGS_RAW_DATA",
        run,
        {
            "Q_SECONDARY_NAME": name,
            "Q_SEQUENCING_TYPE": experiment.properties["Q_SEQUENCING_TYPE"],
            "Q_READS_COUNT": str(reads),
            "Q_FILE_PROPERTIES": f"{extract.code}_R1.fastq.gz\n{extract.code}_R2.fastq.gz",
        },
        size=reads * 120,
        file_format="FASTQ",
    )


def add_metabolomics(registration: Registration, rng: Random, plasma: Sequence[Sample]) -> None:
    """Register an NMR spectrum of each plasma sample."""
    preparation = registration.experiment("Q_SAMPLE_PREPARATION", {"Q_CURRENT_STATUS": "FINISHED"})
    extracts = [
        _extract(registration, preparation, rng, sample, "SMALLMOLECULES") for sample in plasma
    ]
    registration.pause(days=9)
    measurement = registration.experiment(
        "Q_NMR_MEASUREMENT",
        {
            "Q_SECONDARY_NAME": "Metabolome of plasma",
            "Q_MEASUREMENT_METHOD": "1H CPMG, 600 MHz",
            "Q_CURRENT_STATUS": "FINISHED",
        },
    )
    for material, extract in zip(plasma, extracts, strict=True):
        run = registration.sample(
            "Q_NMR_SAMPLE_RUN",
            measurement,
            {"Q_SECONDARY_NAME": f"Spectrum: {material.properties['Q_SECONDARY_NAME']}"},
            parents=[extract],
            code=f"NMR{extract.code}",
        )
        registration.stored_data(
            "Q_NMR_RAW_DATA",
            run,
            {"Q_SECONDARY_NAME": run.properties["Q_SECONDARY_NAME"]},
            size=rng.randint(600, 1400) * 1024,
            file_format="BRUKER",
        )
