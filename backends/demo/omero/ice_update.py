"""`IUpdate` of the embedded OMERO: graphs of model objects saved in one transaction each."""

from __future__ import annotations

from typing import Any

from backends.demo.omero.deletion import ChildOption
from backends.demo.omero.graph import Thing
from backends.demo.omero.ice_entities import Incoming, outgoing
from backends.demo.omero.ice_errors import invalid, unsupported
from backends.demo.omero.ice_servant import Call


class Update:
    """The operations of `IUpdate`."""

    def saveObject(self, call: Call, given: Any) -> None:
        """Save one object with all that it reaches."""
        _save(call, [given])

    def saveArray(self, call: Call, given: list[Any]) -> None:
        """Save objects with all that they reach."""
        _save(call, given)

    def saveCollection(self, call: Call, given: list[Any]) -> None:
        """Save objects with all that they reach."""
        _save(call, given)

    def saveAndReturnObject(self, call: Call, given: Any) -> Any:
        """Save one object, and return it as it is then."""
        return outgoing(_save(call, [given])[0])[0]

    def saveAndReturnArray(self, call: Call, given: list[Any]) -> list[Any]:
        """Save objects, and return them as they are then, in their order."""
        return outgoing(_save(call, given)[0])

    def saveAndReturnIds(self, call: Call, given: list[Any]) -> list[int]:
        """Save objects, and return the ids of those among them that are new."""
        roots, made = _save(call, given)
        new = {id(thing) for thing in made}
        return sorted(thing.id or 0 for thing in roots if id(thing) in new)

    def deleteObject(self, call: Call, given: Any) -> None:
        """Delete one object."""
        if given is None or given.id is None:
            raise invalid("there is no object to delete")
        name = type(given).__name__.removesuffix("I")
        keep = ChildOption(exclude=("Annotation", "Dataset", "Image"))
        call.store.objects.delete(
            call.session, {name: [given.id.val]}, group=call.group, options=[keep]
        )

    def indexObject(self, call: Call, given: Any) -> None:
        """Refuse: nothing is indexed."""
        raise unsupported("full text search")


def _save(call: Call, given: list[Any]) -> tuple[list[Thing], list[Thing]]:
    """Save, and return the roots and what of the whole graph is new."""
    roots = Incoming().graph(given or ())
    made = call.store.objects.save(call.session, roots, group=call.group)
    return roots, made
