"""How a workflow's sessions are kept: encrypted, by a box that the composition root makes.

`api/sealing.py` has the box; here stands what workflows ask of it.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from pydantic import SecretStr

Sessions: TypeAlias = tuple[SecretStr | None, SecretStr | None]  # on openBIS and on OMERO


class Sealer(Protocol):
    """Encrypts the sessions of a workflow's owner."""

    def seal(self, openbis: SecretStr | None, omero: SecretStr | None) -> str:
        """Encrypt sessions."""
        ...

    def unseal(self, sealed: str | None) -> Sessions:
        """Decrypt sessions; what cannot be read, as after a change of keys, holds none."""
        ...
