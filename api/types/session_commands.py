"""Signing in and out, as mutations.

A login hands out a bearer token that holds the sessions, encrypted; nothing is kept here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry
from pydantic import SecretStr

from api.selection import Info
from api.types.errors import code_of
from api.types.source import Source, own
from api.types.user_error import UserError
from resolvers import sessions
from resolvers.errors import BadInput


@strawberry.type(description="What a login gives.")
class LoginPayload:
    """Token and what could not be opened."""

    token: str | None = own("The bearer token: send it as `Authorization: Bearer …`.")
    expires_at: datetime | None = own(
        "When the token ends by itself, if neither system ends its session before."
    )
    openbis: bool = own("Whether it holds an openBIS session.")
    omero: bool = own("Whether it holds an OMERO session.")
    user_errors: list[UserError] = own("Which system refused, where only one did.")


@strawberry.type(description="What a logout did.")
class LogoutPayload:
    """Nothing but success."""

    ok: bool = own("Both sessions are over.")


@strawberry.input(description="User and password for one system.")
class CredentialsInput:
    """Becomes an `Attempt`."""

    username: str = strawberry.field(description="The user name.")
    password: str = strawberry.field(description="The password.")

    def to_attempt(self) -> sessions.Attempt:
        """Return the attempt."""
        return sessions.Attempt(self.username, SecretStr(self.password))


Own = Annotated[
    CredentialsInput | None,
    strawberry.argument(description="Credentials for this system, where they differ."),
]


@strawberry.type(description="Signing in and out.")
class SessionCommands:
    """The part of `Mutation` that opens and ends sessions."""

    @strawberry.mutation(
        description="Sign in to both systems with one name and password, or with one pair for each."
    )
    async def login(
        self,
        info: Info,
        username: Annotated[
            str | None,
            strawberry.argument(description="The user name, where both systems share it."),
        ] = None,
        password: Annotated[
            str | None, strawberry.argument(description="The password that goes with `username`.")
        ] = None,
        openbis: Own = None,
        omero: Own = None,
    ) -> LoginPayload:
        """Open sessions and hand out the token that holds them."""
        shared = None
        if username is not None and password is not None:
            shared = sessions.Attempt(username, SecretStr(password))
        elif username is not None or password is not None:
            raise BadInput("Give `username` and `password` together.")
        for_openbis = openbis.to_attempt() if openbis else shared
        for_omero = omero.to_attempt() if omero else shared
        if for_openbis is None and for_omero is None:
            raise BadInput("Give `username` and `password`, or `openbis`, or `omero`.")
        context = info.context
        opened = await sessions.login(context, for_openbis, for_omero)
        token, expires_at = context.issue_token(opened.user, opened.openbis, opened.omero)
        return LoginPayload(
            token=token,
            expires_at=expires_at,
            openbis=opened.openbis is not None,
            omero=opened.omero is not None,
            user_errors=[
                UserError(
                    code=code_of(error),
                    message=error.message,
                    field=None,
                    source=Source(source.value),
                )
                for source, error in opened.failures.items()
            ],
        )

    @strawberry.mutation(description="End the sessions that the bearer token holds.")
    async def logout(self, info: Info) -> LogoutPayload:
        """End both sessions."""
        await sessions.logout(info.context)
        return LogoutPayload(ok=True)
