"""The ways in: which viewer a request is from, whatever it brings.

A trusted proxy's word for the user; a bearer token of ours; the backends' own sessions in two
headers; the explorer's cookie; and, in the demo only, nothing, which then acts as `steward`. A
request that brings two of them is refused rather than guessed at. `api/app.py` makes the one door;
`api/operations.py` and the endpoints beside GraphQL ask it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from api.auth import DEMO_KEY, Credentials, Nobody, TokenBox, ViewerSource, Visitor, refusal
from api.cookies import is_of_our_page, token_in
from api.proxy import KEY as PROXY_KEY
from api.proxy import Proxies
from backends.errors import BackendError, SessionExpired, Source
from backends.lane import Call
from resolvers.context import Viewer

LONGEST_SESSION: Final = 512


@dataclass(frozen=True, slots=True)
class Door:
    """Turns a visitor into a viewer.

    Args:
        tokens: reads bearer tokens.
        nobody: says who a request without credentials is.
        proxies: those that may name the user.
        cookies: whether the explorer's cookie is taken.
    """

    tokens: TokenBox
    nobody: ViewerSource = field(default_factory=Nobody)
    proxies: Proxies = field(default_factory=Proxies)
    cookies: bool = False

    async def viewer(self, visitor: Visitor, call: Call) -> Viewer:
        """Return the viewer of a request.

        Raises:
            GraphQLError: credentials were sent, but cannot be used.
        """
        user = self.proxies.user(visitor)
        credentials = self._credentials(visitor)
        if user is None:
            return await self.nobody.viewer(call) if credentials is None else credentials.viewer()
        if credentials is not None:
            raise refusal("A proxy has signed this request in: send no credentials with it.")
        return await self.proxies.viewer(user, call)

    def renew(self, viewer: Viewer, failures: Mapping[Source, BackendError]) -> bool:
        """Whether sessions of ours, not the client's, had expired, so that asking again helps."""
        if not viewer.key.startswith((DEMO_KEY, PROXY_KEY)):
            return False
        expired = [
            source for source, error in failures.items() if isinstance(error, SessionExpired)
        ]
        for source in expired:
            if viewer.key.startswith(DEMO_KEY):
                self.nobody.forget(source)
            else:
                self.proxies.forget(viewer.user or "", source)
        return bool(expired)

    def _credentials(self, visitor: Visitor) -> Credentials | None:
        headers = visitor.headers
        authorization = headers.get("authorization")
        openbis = _session(headers, "x-openbis-token")
        omero = _session(headers, "x-omero-session")
        if authorization is not None:
            if openbis or omero:
                raise refusal(
                    "Send either `Authorization: Bearer`, or `X-openBIS-Token` and "
                    "`X-OMERO-Session`, not both."
                )
            scheme, _, token = authorization.strip().partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                raise refusal("Send `Authorization: Bearer` with the token that `login` gave you.")
            return self.tokens.read_token(token.strip())
        if openbis or omero:
            return Credentials(None, openbis, omero)
        cookie = token_in(headers) if self.cookies else None
        if cookie is None or not (visitor.takes_cookie or is_of_our_page(headers)):
            return None
        return self.tokens.read_token(cookie)


def _session(headers: Mapping[str, str], name: str) -> SecretStr | None:
    value = headers.get(name)
    if value is None:
        return None
    if not value or len(value) > LONGEST_SESSION or not value.isascii() or not value.isprintable():
        raise refusal(f"The header {name} does not hold a session.")
    return SecretStr(value)
