"""What the embedded OMERO does with whole objects: load them by queries and ids, save, delete.

`ObjectDesk` belongs to an `OmeroStore` and checks sessions and rights; `entities.py` assembles,
`saving.py` and `deletion.py` write.
Plain rows are the business of `store.py` alone.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.demo.omero.deletion import ChildOption, Removal
from backends.demo.omero.entities import Assembly
from backends.demo.omero.errors import StoreQueryError
from backends.demo.omero.graph import Thing
from backends.demo.omero.hql_sql import translate_objects
from backends.demo.omero.model import omero_model
from backends.demo.omero.parameters import bind
from backends.demo.omero.rights import ALL_GROUPS, predicate
from backends.demo.omero.saving import Merge
from backends.demo.omero.tables import has_details, quoted
from backends.demo.omero.writing import Transaction, Writer

if TYPE_CHECKING:
    from backends.demo.omero.store import OmeroStore, Reading


@dataclass(frozen=True, slots=True)
class ObjectDesk:
    """The part of a store that deals in whole objects."""

    store: OmeroStore
    writer: Writer

    def query(
        self,
        uuid: str,
        hql: str,
        params: Mapping[str, object],
        *,
        group: int | None = ALL_GROUPS,
        offset: int | None = None,
        limit: int | None = None,
    ) -> list[Thing]:
        """Run an HQL query for whole objects, with what its `join fetch` asks for.

        Raises:
            StoreError: as `OmeroStore.projection`.
        """
        with self.store.reading(uuid, "query", group) as reading:
            self.store.note(hql)
            statement = translate_objects(hql, filtered=not reading.scope.unlimited)
            arguments = {**bind(statement.parameters, params), **reading.scope.bindings()}
            try:
                return _assembly(reading).query(statement, arguments, offset, limit)
            except (sqlite3.Error, OverflowError, UnicodeError) as error:
                raise StoreQueryError(f"Illegal query: {error}") from error

    def load(
        self, uuid: str, entity: str, ids: Collection[int], *, group: int | None = ALL_GROUPS
    ) -> dict[int, Thing]:
        """Return objects by id; those that do not exist, or may not be read, are missing."""
        with self.store.reading(uuid, "query", group) as reading:
            return _assembly(reading).load(entity, readable(reading, entity, ids))

    def save(self, uuid: str, roots: Sequence[Thing], *, group: int | None = None) -> list[Thing]:
        """Save a graph in one transaction; afterwards it shows what is stored.

        Returns:
            The objects that are new.

        Raises:
            StoreLockError: an object was changed since it was read.
            StoreSecurityViolation: the user may not do it.
            StoreValidationError: an object is not there, lacks something, or is there already.
            StoreError: as `OmeroStore.projection`.
        """
        with self._writing(uuid, "save", group) as transaction:
            merge = Merge(transaction)
            merge.save(roots)
        return merge.made

    def delete(
        self,
        uuid: str,
        targets: Mapping[str, Iterable[int]],
        *,
        group: int | None = None,
        options: Sequence[ChildOption] = (),
        ignored: Collection[str] = (),
        dry_run: bool = False,
    ) -> dict[str, list[int]]:
        """Delete objects with what hangs on them, in one transaction; see `deletion.py`.

        Returns:
            The ids of all that went, or with `dry_run` would go, by entity.

        Raises:
            StoreSecurityViolation: the user may not do it.
            StoreValidationError: it would tear apart what belongs together.
            StoreError: as `OmeroStore.projection`.
        """
        with self._writing(uuid, "delete", group) as transaction:
            removal = Removal(transaction, options, ignored)
            planned = removal.plan(targets)
            if not dry_run:
                removal.carry_out()
        return planned

    @contextlib.contextmanager
    def _writing(self, uuid: str, method: str, group: int | None) -> Iterator[Transaction]:
        with self.store.reading(uuid, method, group) as reading:
            self.store.note(method)
            session, groups = reading.session, reading.groups
        chosen = session.group_id if group is None else group
        into = None if chosen == ALL_GROUPS else chosen
        with self.writer.transaction(session, groups, into) as transaction:
            yield transaction


def readable(reading: Reading, entity: str, ids: Collection[int]) -> list[int]:
    """Return those of the ids that exist and may be read, in order and without repetition."""
    found = omero_model().entities[entity]
    condition, bindings = "1", {}
    if has_details(found) and not reading.scope.unlimited:
        condition, bindings = predicate("t"), reading.scope.bindings()
    if found.superclass is not None:
        classes = ", ".join(f"'{member.name}'" for member in found.family())
        condition = f"t.class IN ({classes}) AND {condition}"
    rows = reading.connection.execute(
        f"SELECT t.id FROM {quoted(found.table.name)} AS t"  # noqa: S608 - a table of the model
        f" WHERE t.id IN (SELECT value FROM json_each(:ids)) AND {condition}",
        {"ids": json.dumps(list(ids)), **bindings},
    )
    known = {row[0] for row in rows}
    return [number for number in dict.fromkeys(ids) if number in known]


def _assembly(reading: Reading) -> Assembly:
    return Assembly(reading.connection, reading.session.member, reading.groups)
