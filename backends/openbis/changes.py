"""What the client changes in openBIS: whole transactions, and the look-ups that make them safe.

`Changing` is the writing half of `OpenbisClient`. A transaction is one `executeOperations`, done
whole or not at all, and is sent once: one that was cut off raises `OutcomeUnknown` and is not
repeated, for it may have happened. What a transaction was to make is found again by its identifier
(`Get`), by the code that a data set was given, or by the reason that a deletion was given.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from backends.lane import Call
from backends.openbis.decode import Bean, Decoder
from backends.openbis.logic import Json
from backends.openbis.rpc import unusable
from backends.openbis.wire import Wire
from backends.openbis.write import CREATIONS, Change, Removal, identify, operations, verify
from backends.records import Kind

DELETION_FETCH = {
    "@type": "as.dto.deletion.fetchoptions.DeletionFetchOptions",
    "deletedObjects": {"@type": "as.dto.deletion.fetchoptions.DeletedObjectFetchOptions"},
}
RIGHTS_FETCH = {"@type": "as.dto.rights.fetchoptions.RightsFetchOptions"}


@dataclass(frozen=True, slots=True)
class DeletionRecord:
    """What lies in the trash by one deletion; `perm_ids` are the entities that were named in it."""

    id: str
    reason: str | None
    perm_ids: tuple[str, ...]


class Changing:
    """The writing half of `OpenbisClient`."""

    _wire: Wire

    async def perform(
        self,
        token: SecretStr,
        operations: Sequence[Json],
        call: Call,
        *,
        in_order: bool = False,
    ) -> list[Json]:
        """Do v3 operations in one transaction; see `OpenbisClient.perform`."""
        raise NotImplementedError  # the other half has it

    async def transact(
        self,
        token: SecretStr,
        changes: Sequence[Change],
        call: Call,
        *,
        in_order: bool = False,
    ) -> tuple[str | None, ...]:
        """Carry out all changes or none; see `write.py`.

        Args:
            token: the viewer's session.
            changes: any number of creations, updates and deletions, of any kinds together.
            call: the request's meter and deadline.
            in_order: whether they are done as they stand. openBIS' own order, the default, is
                deletions first, then creations from projects to data sets, then updates.

        Returns:
            For each change the permanent id of what it made, the deletion's number where something
            went to the trash, and None for all others.

        Raises:
            InvalidRequest: openBIS refused, or would: nothing was done.
            AccessDenied: the viewer may not do all of it; nothing was done.
            OutcomeUnknown: they were sent, and no answer tells whether they were done.
        """
        verify(changes)
        wanted, places = operations(changes)
        results = await self.perform(token, wanted, call, in_order=in_order)
        return tuple(
            _outcome(change, results[at], place)
            for change, (at, place) in zip(changes, places, strict=True)
        )

    async def deletions(self, token: SecretStr, call: Call) -> tuple[DeletionRecord, ...]:
        """What lies in the trash, as far as the viewer may see it."""
        criteria = {"@type": "as.dto.deletion.search.DeletionSearchCriteria"}
        params = [token.get_secret_value(), criteria, DELETION_FETCH]
        answer = await self._wire.call("searchDeletions", params, call)
        decoder = Decoder(answer)
        return tuple(_deletion(decoder, bean) for bean in decoder.objects(answer))

    async def rights(
        self, token: SecretStr, kind: Kind, ids: Collection[str], call: Call
    ) -> dict[str, frozenset[str]]:
        """What the viewer may do with some entities, as openBIS itself says.

        Returns:
            UPDATE and DELETE of what there is, CREATE of what is not there yet, named by its
            identifier; nothing of what the viewer does not see.
        """
        if not ids:
            return {}
        asked = [identify(kind, each) for each in ids]
        answer = await self._wire.call(
            "getRights", [token.get_secret_value(), asked, RIGHTS_FETCH], call
        )
        decoder = Decoder(answer)
        told = {
            name: frozenset(str(right) for right in bean.get("rights") or ())
            for name, bean in decoder.pairs(answer)
        }
        return {
            each: told.get(bean.get("identifier") or bean.get("permId") or "", frozenset())
            for each, bean in zip(ids, asked, strict=True)
        }

    async def updatable(
        self, token: SecretStr, kind: Kind, ids: Collection[str], call: Call
    ) -> frozenset[str]:
        """Those of some entities that the viewer may change."""
        told = await self.rights(token, kind, ids, call)
        return frozenset(each for each, rights in told.items() if "UPDATE" in rights)

    async def creatable(
        self, token: SecretStr, kind: Kind, identifiers: Collection[str], call: Call
    ) -> frozenset[str]:
        """Those of some entities, which do not exist yet, that the viewer may create."""
        told = await self.rights(token, kind, identifiers, call)
        return frozenset(each for each, rights in told.items() if "CREATE" in rights)


def _outcome(change: Change, result: Json, place: int) -> str | None:
    if isinstance(change, Removal):
        number = result.get("deletionId")
        return _number(number) if isinstance(number, dict) else None
    if not isinstance(change, CREATIONS):
        return None
    ids = result.get("objectIds")
    if not isinstance(ids, list) or place >= len(ids):
        raise unusable("it does not say what it made")
    perm_id = ids[place].get("permId")
    if not isinstance(perm_id, str):
        raise unusable("it does not say what it made")
    return perm_id


def _deletion(decoder: Decoder, bean: Bean) -> DeletionRecord:
    perm_ids = []
    for each in decoder.beans(bean.get("deletedObjects")):
        name = decoder.bean(each.get("id")).get("permId")
        if isinstance(name, str):
            perm_ids.append(name)
    return DeletionRecord(
        _number(decoder.bean(bean.get("id"))), bean.get("reason"), tuple(perm_ids)
    )


def _number(bean: dict[str, Any]) -> str:
    number = bean.get("techId") or bean.get("id")
    if not isinstance(number, int | str):
        raise unusable("a deletion has no number")
    return str(number)
