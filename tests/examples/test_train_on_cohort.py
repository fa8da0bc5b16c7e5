"""`examples/train_on_cohort.py` over an export of the demonstration, with torch where it is."""

from __future__ import annotations

import importlib.util
import io
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from tests.frozen import frozen, get, url_of
from tests.house import open_house

SCRIPT = Path(__file__).parents[2] / "examples" / "train_on_cohort.py"
LABEL = "sample_Q_DIGNITY"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    found = importlib.util.spec_from_file_location("train_on_cohort", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exported(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The Parquet file, with two pictures beside it."""
    folder = tmp_path_factory.mktemp("export")
    async with open_house() as house:
        token = await house.login("oncology")
        snapshot = await frozen(house, token)
        query = "?split=train:0.75,test:0.25"
        answer = await get(house, url_of(snapshot, "cohort.parquet", query), token)
        (folder / "cohort.parquet").write_bytes(answer.content)
    yield folder / "cohort.parquet"


def jpeg(_image: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (96, 72), (255, 0, 0)).save(content, "JPEG")
    return content.getvalue()


def test_each_part_is_a_data_set_of_its_own(script: ModuleType, exported: Path) -> None:
    train, test = (
        script.CohortDataset(exported, split=split, label=LABEL) for split in ("train", "test")
    )
    assert len(train) > len(test) > 0
    assert not train.subjects() & test.subjects()
    assert train.classes == ["BENIGN", "MALIGNANT"]
    assert {example["label"] for example in train} == {0, 1}
    first, last = train[0], train[-1]
    assert first["row"][LABEL] == train.classes[first["label"]]
    assert last["image_id"] == train.rows[-1]["image_id"]
    assert [each["image_id"] for each in train[:3]] == [row["image_id"] for row in train.rows[:3]]
    with pytest.raises(IndexError):
        train[len(train)]
    everything = script.CohortDataset(exported)
    omics = script.CohortDataset(exported, kind="omics")
    assert len(everything) > len(train) + len(test)  # the CTs have no dignity
    assert len(omics) > 0
    assert everything.digest == train.digest


def test_pictures_become_pixels(script: ModuleType, exported: Path) -> None:
    data = script.CohortDataset(exported, split="test", label=LABEL, fetch=jpeg)
    pixels = data[0]["pixels"]
    assert pixels.shape == (3, 96, 96)
    assert pixels.dtype == np.float32
    assert pixels[0].max() == pytest.approx(1, abs=0.02)
    assert pixels[1].max() == pytest.approx(0, abs=0.02)


def test_it_says_what_is_in_each_part(exported: Path) -> None:
    given: list[Any] = [sys.executable, SCRIPT, exported, "--label", LABEL]
    told = subprocess.run(given, capture_output=True, text=True, check=True).stdout  # noqa: S603
    lines = told.splitlines()
    assert lines[0].startswith("test: ")
    assert lines[2].startswith("train: ")
    assert "'MALIGNANT'" in told
    assert lines[-1].startswith("digest ")


def test_torch_loads_batches_of_it(script: ModuleType, exported: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    from torch.utils.data import DataLoader  # noqa: PLC0415

    data = script.CohortDataset(exported, split="train", label=LABEL, fetch=jpeg)
    loader = DataLoader(data, batch_size=4, shuffle=True, collate_fn=script.collate)
    batch = next(iter(loader))
    assert tuple(batch["pixels"].shape) == (4, 3, 96, 96)
    assert tuple(batch["label"].shape) == (4,)
    assert len(loader) == -(-len(data) // 4)
