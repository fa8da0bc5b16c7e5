"""The table of settings for people: what `omnibis settings` prints and the README shows.

It is made from `api/settings.py`, so that it cannot differ from what the program reads; a test
compares the README with it.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from api.settings import Settings, variables


def settings_table() -> str:
    """Return all settings as a Markdown table, one row a variable."""
    rows = ["| variable | default | what it is |", "| --- | --- | --- |"]
    for variable, path in variables().items():
        if variable.endswith("_FILE") and variable.removesuffix("_FILE") in variables():
            continue  # told once, below the table's heading
        field = _field(path)
        rows.append(f"| `{variable}` | {_default(field)} | {field.description} |")
    return "\n".join(rows)


def secret_variables() -> tuple[str, ...]:
    """Name the variables that can also be given as a file, by `…_FILE`."""
    known = variables()
    return tuple(name for name in known if f"{name}_FILE" in known)


def _field(path: tuple[str, ...]) -> FieldInfo:
    model: type[BaseModel] = Settings
    for name in path[:-1]:
        nested: Any = model.model_fields[name].annotation
        model = nested
    return model.model_fields[path[-1]]


def _default(field: FieldInfo) -> str:
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()  # a default is public
    if value is None or value == ():
        return "none"
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"
