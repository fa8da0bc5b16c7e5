from __future__ import annotations

import platform
import sysconfig
from pathlib import Path

import pytest

from backends.omero.ice_wheel import recipe


def test_the_key_names_interpreter_processor_and_c_library() -> None:
    interpreter = sysconfig.get_config_var("SOABI")
    library = "-".join(part for part in platform.libc_ver() if part) or platform.release()
    assert recipe.key().startswith(f"{interpreter}-{library}-")


@pytest.mark.parametrize(
    ("name", "value"),
    [("FLAGS", ("-O3",)), ("VERSION", "3.6.6"), ("SOURCE_SHA256", "0" * 64)],
)
def test_a_changed_recipe_has_another_key(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    before = recipe.key()
    monkeypatch.setattr(recipe, name, value)
    assert recipe.key() != before


def test_a_changed_header_has_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe.key()
    monkeypatch.setattr(recipe, "headers", lambda: {"eval.h": "// other"})
    assert recipe.key() != before


def test_the_key_is_one_folder_name() -> None:
    assert Path(recipe.key()).name == recipe.key()
    assert " " not in recipe.key()


def test_both_headers_are_shipped() -> None:
    headers = recipe.headers()
    assert set(headers) == {"eval.h", "removed_from_python.h"}
    assert "#include <Python.h>" in headers["eval.h"]
    assert "PyEval_GetFrame()" in headers["removed_from_python.h"]


def test_the_compiler_is_handed_the_headers_without_a_path_in_its_flags() -> None:
    environment = recipe.compiler_environment(Path("/a folder/include"))
    assert environment["CPLUS_INCLUDE_PATH"] == "/a folder/include"
    assert environment["CXXFLAGS"].endswith("-include removed_from_python.h")
    assert "/a folder" not in environment["CXXFLAGS"] + environment["CFLAGS"]
    assert "removed_from_python.h" not in environment["CFLAGS"]
