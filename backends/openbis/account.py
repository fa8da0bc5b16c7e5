"""Who is logged in to openBIS, which openBIS it is, and how long a token is good for.

Small frozen facts and how they are read from an answer; `client.py` and `session.py` ask for them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from backends.errors import SessionExpired, Source
from backends.openbis.decode import Decoder, person
from backends.openbis.rpc import unusable
from backends.records import PersonRecord

PERSONAL_ACCESS_TOKEN = "$pat-"  # noqa: S105 - how such tokens begin, none itself


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
        token_validity: how long such a token is good for at most.
        token_warning: how long before its end it should be renewed.
    """

    version: str | None
    api_version: str | None
    project_samples_enabled: bool
    personal_access_tokens_enabled: bool
    token_validity: timedelta | None = None
    token_warning: timedelta | None = None


@dataclass(frozen=True, slots=True)
class PersonalAccessToken:
    """A token for programs; it is used wherever a session's is.

    Attributes:
        secret: the token itself.
        name: of the session that it opens.
        owner: the user's name at login.
        valid_from: when it begins to be good.
        valid_to: when it ends to be.
    """

    secret: SecretStr = field(repr=False)
    name: str
    owner: str | None
    valid_from: datetime
    valid_to: datetime

    def ends_within(self, period: timedelta, now: datetime) -> bool:
        """Whether it is over, or will be after `period`."""
        return self.valid_to - now <= period


def is_personal_access_token(token: SecretStr) -> bool:
    """Whether a token is a personal access token rather than a session's."""
    return token.get_secret_value().startswith(PERSONAL_ACCESS_TOKEN)


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


def server(information: Any) -> OpenbisServer:
    """Read pybis' `ServerInformation`, which lacks what the server does not tell."""
    return OpenbisServer(
        version=_text(information.openbis_version),
        api_version=_text(information.api_version),
        project_samples_enabled=information.project_samples_enabled is True,
        personal_access_tokens_enabled=information.personal_access_tokens_enabled is True,
        token_validity=_seconds(information.personal_access_tokens_max_validity_period),
        token_warning=_seconds(information.personal_access_tokens_validity_warning_period),
    )


def personal_access_token(bean: Any) -> PersonalAccessToken:
    """Read a personal access token as pybis hands it on."""
    try:
        perm_id, owner = bean["permId"], bean.get("owner")
        return PersonalAccessToken(
            secret=SecretStr(perm_id["permId"] if isinstance(perm_id, dict) else str(perm_id)),
            name=bean["sessionName"],
            owner=owner.get("userId") if isinstance(owner, dict) else None,
            valid_from=datetime.fromtimestamp(bean["validFromDate"] / 1000, tz=UTC),
            valid_to=datetime.fromtimestamp(bean["validToDate"] / 1000, tz=UTC),
        )
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, OSError):
        raise unusable("the token's validity is missing") from None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _seconds(value: Any) -> timedelta | None:
    return timedelta(seconds=value) if isinstance(value, int) else None
