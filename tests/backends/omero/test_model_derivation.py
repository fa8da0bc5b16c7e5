from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from importlib import resources

import pytest

from backends.omero.model_derivation import Definitions, derive, rendered

MODEL = "::omero::model::"


def definitions() -> Definitions:
    """A model of books with chapters and shelves, as the generated modules would define it."""
    root = MODEL + "IObject"
    return Definitions(
        classes={
            root: (None, [("_id", "::omero::RLong")]),
            MODEL + "Length": (None, [("_value", "double"), ("_unit", "unit")]),
            MODEL + "Genre": (root, [("_value", "::omero::RString")]),
            MODEL + "Work": (root, [("_version", "::omero::RInt")]),
            MODEL + "Book": (
                MODEL + "Work",
                [
                    ("_height", MODEL + "Length"),
                    ("_genre", MODEL + "Genre"),
                    ("_chaptersSeq", MODEL + "BookChaptersSeq"),
                    ("_chaptersLoaded", "bool"),
                ],
            ),
            MODEL + "Chapter": (root, [("_book", MODEL + "Work"), ("_title", "::omero::RString")]),
        },
        sequences={MODEL + "BookChaptersSeq": MODEL + "Chapter"},
        ordered={(MODEL + "Book", MODEL + "Chapter")},
        nullable={("Chapter", "title")},
        packages={
            "Book": "ome.model.core",
            "Chapter": "ome.model.core",
            "Genre": "ome.model.enums",
        },
        symbols={"Length": {"METER": "m"}},
    )


def test_a_model_is_derived_from_definitions() -> None:
    model = derive(definitions())
    assert model["units"] == {"Length": {"METER": "m"}}
    assert model["entities"]["Genre"] == {
        "package": "ome.model.enums",
        "global": True,
        "properties": {"value": {"kind": "scalar", "type": "string"}},
    }
    assert model["entities"]["Work"]["abstract"]
    assert model["entities"]["Work"]["package"] == "ome.model.core"
    assert model["entities"]["Book"]["properties"] == {
        "chapters": {"kind": "collection", "target": "Chapter", "ordered": True, "inverse": "book"},
        "genre": {"kind": "enum", "target": "Genre"},
        "height": {"kind": "quantity", "type": "Length"},
    }
    assert model["entities"]["Chapter"]["properties"]["title"]["nullable"]


def test_an_inverse_that_cannot_be_told_is_an_error() -> None:
    ambiguous = definitions()
    ambiguous.classes[MODEL + "Chapter"][1].append(("_other", MODEL + "Book"))
    with pytest.raises(ValueError, match=r"Book\.chapters: which of"):
        derive(ambiguous)


@pytest.mark.skipif(
    importlib.util.find_spec("omero") is None, reason="omero-py is not installed (omnibis[omero])"
)
def test_the_model_that_is_checked_in_is_omero_pys() -> None:
    derived = subprocess.run(
        [sys.executable, "-m", "backends.omero.model_derivation"],
        capture_output=True,
        check=True,
        text=True,
    )
    checked_in = resources.files("backends.demo.omero").joinpath("model.json").read_text("utf-8")
    assert derived.stdout == checked_in


def test_rendering_is_sorted_and_can_be_read_back() -> None:
    model = derive(definitions())
    text = rendered(model)
    assert json.loads(text) == model
    assert text.index('"Book"') < text.index('"Chapter"') < text.index('"Genre"')
