"""A frozen cohort as a PyTorch-style data set, read from its Parquet export. Trains nothing.

    omnibis cohort export 7 --format parquet --part train:0.8 --part test:0.2 --to data
    python examples/train_on_cohort.py data/cohort.parquet --label subject_Q_GENDER
    COHORT_TOKEN=… python examples/train_on_cohort.py … --server https://omnibis.example.org

`CohortDataset` has `__len__` and `__getitem__`, so `torch.utils.data.DataLoader` takes it as it is;
without torch it is a sequence. One split is one data set, and since splits are by subject, no
subject is in two. Pictures come from `/images/{id}/thumbnail` of a server, with your token,
and are kept in a folder. Needs pyarrow; httpx and Pillow for pictures; torch only for `--batches`.
"""

from __future__ import annotations

import argparse
import io
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

Fetch = Callable[[int], bytes]  # from an image's id to its picture, as a JPEG file


class CohortDataset(Sequence[dict[str, Any]]):
    """The rows of one part of a frozen cohort.

    Args:
        file: the Parquet export.
        split: the part; None for all rows.
        label: the column to learn, such as `subject_Q_DIAGNOSIS`; rows without it are left out.
        kind: `image` or `omics`.
        fetch: gets an image's picture; None for rows without pictures.
        size: the length that pictures are padded to, in pixels.
    """

    def __init__(
        self,
        file: Path,
        *,
        split: str | None = None,
        label: str | None = None,
        kind: str = "image",
        fetch: Fetch | None = None,
        size: int = 96,
    ) -> None:
        filters = [("kind", "=", kind)]
        if split is not None:
            filters.append(("split", "=", split))
        table = pq.read_table(file, filters=filters)
        self.digest = table.schema.metadata[b"omnibis.digest"].decode()
        self.label = label
        self.rows = [row for row in table.to_pylist() if label is None or row[label] is not None]
        self.classes = sorted({row[label] for row in self.rows}) if label else []
        self._numbers = {name: number for number, name in enumerate(self.classes)}
        self._fetch = fetch
        self._size = size

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        """One example: row, class as a number, and pixels (channels, height, width) in 0 to 1."""
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        row = self.rows[index]
        example: dict[str, Any] = {"image_id": row.get("image_id"), "row": row}
        if self.label is not None:
            example["label"] = self._numbers[row[self.label]]
        if self._fetch is not None:
            example["pixels"] = self._pixels(self._fetch(row["image_id"]))
        return example

    def subjects(self) -> set[str]:
        """The subjects of this part."""
        return {row["subject_perm_id"] for row in self.rows}

    def _pixels(self, jpeg: bytes) -> Any:
        import numpy as np
        from PIL import Image

        picture = Image.open(io.BytesIO(jpeg)).convert("RGB")
        square = Image.new("RGB", (self._size, self._size))
        square.paste(picture, ((self._size - picture.width) // 2, 0))
        return np.asarray(square, dtype=np.float32).transpose(2, 0, 1) / 255


def thumbnails(server: str, token: str, folder: Path, size: int = 96) -> Fetch:
    """Get pictures from an omnibis server, each once; they are kept in a folder."""
    import httpx

    client = httpx.Client(base_url=server, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def fetch(image: int) -> bytes:
        kept = folder / f"{image}-{size}.jpg"
        if not kept.exists():
            answer = client.get(f"/images/{image}/thumbnail", params={"size": size})
            answer.raise_for_status()
            kept.write_bytes(answer.content)
        return kept.read_bytes()

    return fetch


def collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
    """Make one batch of examples, for torch's DataLoader: rows stay rows, numbers are tensors."""
    import torch

    batch: dict[str, Any] = {"rows": [example["row"] for example in examples]}
    if "label" in examples[0]:
        batch["label"] = torch.tensor([example["label"] for example in examples])
    if "pixels" in examples[0]:
        batch["pixels"] = torch.stack([torch.from_numpy(each["pixels"]) for each in examples])
    return batch


def main() -> None:
    """Tell what is in each part, and what a batch looks like."""
    parser = argparse.ArgumentParser(description="Read a frozen cohort as a data set.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--label")
    parser.add_argument("--server", help="for pictures; its token is in COHORT_TOKEN")
    parser.add_argument("--batches", action="store_true", help="load a batch with torch")
    given = parser.parse_args()
    fetch = None
    if given.server:
        folder = given.file.parent / "thumbnails"
        folder.mkdir(exist_ok=True)
        fetch = thumbnails(given.server, os.environ["COHORT_TOKEN"], folder)
    splits = pq.read_table(given.file, columns=["split"])["split"].unique().to_pylist()
    for split in sorted(splits, key=str):
        part = CohortDataset(given.file, split=split, label=given.label, fetch=fetch)
        print(f"{split}: {len(part)} images of {len(part.subjects())} subjects")
        if given.label:
            print("  ", dict(Counter(row[given.label] for row in part.rows)))
        if given.batches and len(part):
            from torch.utils.data import DataLoader

            batch = next(iter(DataLoader(part, batch_size=16, shuffle=True, collate_fn=collate)))
            print("   a batch:", {name: getattr(v, "shape", len(v)) for name, v in batch.items()})
    print(f"digest {part.digest}")


if __name__ == "__main__":
    main()
