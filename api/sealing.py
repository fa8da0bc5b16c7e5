"""The box in which workflows keep their owners' sessions: encrypted with the key of bearer tokens.

What is sealed here is no bearer token, though it is encrypted alike: its audience is another, so
that a row of the database opens no door. A box is made by the composition root; without a key of
the settings it has one of its own, and what it has sealed cannot be read after a restart: such
workflows wait for their owner's next login.
"""

from __future__ import annotations

import secrets
from typing import Final

import orjson
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import SecretStr

from api.settings import KEY_BYTES, Settings, decode_key

ALGORITHMS: Final = ("dir", "A256GCM")
AUDIENCE: Final = "omnibis/operation"


class SessionBox:
    """Seals and unseals sessions.

    Args:
        keys: 32 bytes each; the first encrypts, all decrypt, so that a key can be replaced.
    """

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = tuple(OctKey.import_key(key) for key in keys)

    def __repr__(self) -> str:
        return f"SessionBox({len(self._keys)} keys)"

    def seal(self, openbis: SecretStr | None, omero: SecretStr | None) -> str:
        """Encrypt sessions."""
        claims = {
            "aud": AUDIENCE,
            "openbis": None if openbis is None else openbis.get_secret_value(),
            "omero": None if omero is None else omero.get_secret_value(),
        }
        header = {"alg": "dir", "enc": "A256GCM"}
        return jwe.encrypt_compact(header, orjson.dumps(claims), self._keys[0], list(ALGORITHMS))

    def unseal(self, sealed: str | None) -> tuple[SecretStr | None, SecretStr | None]:
        """Decrypt sessions; what cannot be read holds none."""
        for key in self._keys if sealed is not None else ():
            try:
                plaintext = jwe.decrypt_compact(sealed or "", key, list(ALGORITHMS)).plaintext
                claims = orjson.loads(plaintext or b"null")
            except (JoseError, ValueError, KeyError, TypeError):
                continue
            if isinstance(claims, dict) and claims.get("aud") == AUDIENCE:
                openbis, omero = claims.get("openbis"), claims.get("omero")
                return (
                    SecretStr(openbis) if isinstance(openbis, str) else None,
                    SecretStr(omero) if isinstance(omero, str) else None,
                )
        return None, None


def session_box(settings: Settings) -> SessionBox:
    """Make the box with the settings' key, or with one of its own."""
    given = None if settings.token_key is None else decode_key(settings.token_key)
    return SessionBox((given or secrets.token_bytes(KEY_BYTES),))
