"""Who is logged in to openBIS, and which openBIS it is.

Two small frozen facts and how they are read from an answer; `client.py` asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backends.errors import SessionExpired, Source
from backends.openbis.decode import Decoder, person
from backends.openbis.rpc import unusable
from backends.records import PersonRecord


@dataclass(frozen=True, slots=True)
class OpenbisIdentity:
    """The person behind a session.

    Attributes:
        user_id: the user's name at login.
        person: with their full name, if openBIS tells it.
        home_space: the code of their own space.
        personal_access_token: whether the session is one of a personal access token.
    """

    user_id: str
    person: PersonRecord | None
    home_space: str | None
    personal_access_token: bool


@dataclass(frozen=True, slots=True)
class OpenbisServer:
    """What an openBIS server says of itself.

    Attributes:
        version: of openBIS, where it tells.
        api_version: of the v3 API.
        project_samples_enabled: whether a sample can belong to a project directly.
        personal_access_tokens_enabled: whether users may have tokens for programs.
    """

    version: str | None
    api_version: str | None
    project_samples_enabled: bool
    personal_access_tokens_enabled: bool


def identity(result: Any) -> OpenbisIdentity:
    """Read `getSessionInformation`.

    Raises:
        SessionExpired: there is no such session.
    """
    if result is None:
        raise SessionExpired(Source.OPENBIS, "Your openBIS session is over; log in again.")
    decoder = Decoder(result)
    bean = decoder.bean(result)
    who = decoder.optional(bean.get("person"))
    user_id = bean.get("userName") or (who or {}).get("userId")
    if not isinstance(user_id, str):
        raise unusable("the session has no user")
    return OpenbisIdentity(
        user_id=user_id,
        person=None if who is None else person(who),
        home_space=bean.get("homeGroupCode"),
        personal_access_token=bean.get("personalAccessTokenSession") is True,
    )


def server(result: Any) -> OpenbisServer:
    """Read `getServerInformation`, whose values are all texts."""
    if not isinstance(result, dict):
        raise unusable("the server information is missing")
    return OpenbisServer(
        version=result.get("openbis-version"),
        api_version=result.get("api-version"),
        project_samples_enabled=result.get("project-samples-enabled") == "true",
        personal_access_tokens_enabled=result.get("personal-access-tokens-enabled") == "true",
    )
