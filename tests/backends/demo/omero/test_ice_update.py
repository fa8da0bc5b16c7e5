"""Writing to the embedded OMERO over Ice: `IUpdate` and `Delete2`, with OMERO's own refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from backends.demo.omero.store import OmeroStore
from tests.backends.demo.omero.laboratory import ANN, BOB, CLOSED, LAB, PASSWORD, Desk, laboratory

if TYPE_CHECKING:
    from backends.demo.omero.ice_server import OmeroIceServer

omero = pytest.importorskip("omero", reason="the extra omnibis[omero] is not installed")
rtypes = pytest.importorskip("omero.rtypes")

# omero-py's callbacks ask `Event.isSet`, which Python has renamed.
pytestmark = pytest.mark.filterwarnings(r"ignore:isSet\(\) is deprecated:DeprecationWarning")

IN_LAB = {"omero.group": str(LAB)}


@pytest.fixture
def lab() -> Iterator[OmeroIceServer]:
    from backends.demo.omero.ice_server import OmeroIceServer  # noqa: PLC0415 - needs Ice

    store = OmeroStore(laboratory())
    with OmeroIceServer(store, transports=("tcp",)) as server:
        yield server
    store.shut_down()


@pytest.fixture
def enter(lab: OmeroIceServer) -> Iterator[Callable[[str], Any]]:
    opened: list[Any] = []

    def log_in(user: str) -> Any:
        made = omero.client(host=f"tcp://{lab.host}", port=lab.ports["tcp"])
        opened.append(made)
        made.createSession(user, PASSWORD)
        return made

    yield log_in
    for made in opened:
        made.__del__()


@pytest.fixture
def ann(enter: Callable[[str], Any]) -> Any:
    return enter("ann")


def update(client: Any) -> Any:
    return client.getSession().getUpdateService()


def query(client: Any) -> Any:
    return client.getSession().getQueryService()


def dataset(name: str = "new") -> Any:
    made = omero.model.DatasetI()
    made.setName(rtypes.rstring(name))
    return made


def link(parent: int, child: Any) -> Any:
    made = omero.model.ProjectDatasetLinkI()
    made.setParent(omero.model.ProjectI(parent, False))
    made.setChild(child)
    return made


def external(number: int = 1, kind: str | None = "openbis") -> Any:
    made = omero.model.ExternalInfoI()
    made.setEntityId(rtypes.rlong(number))
    made.setEntityType(None if kind is None else rtypes.rstring(kind))
    made.setUuid(rtypes.rstring("20240101-1"))
    return made


def delete(client: Any, **asked: Any) -> Any:
    callback = client.submit(omero.cmd.Delete2(**asked), loops=40, ms=250, failonerror=False)
    try:
        return callback.getResponse()
    finally:
        callback.close(True)


def gone(response: Any) -> dict[str, list[int]]:
    assert isinstance(response, omero.cmd.Delete2Response), response
    found = response.deletedObjects
    return {name.rpartition(".")[2]: sorted(numbers) for name, numbers in found.items()}


# --- saving --------------------------------------------------------------------------------------


def test_a_whole_graph_is_saved_in_one_go(ann: Any, lab: OmeroIceServer) -> None:
    annotation = omero.model.MapAnnotationI()
    annotation.setNs(rtypes.rstring("ns/x"))
    annotation.setMapValue([omero.model.NamedValue("k", "v"), omero.model.NamedValue("k", "w")])
    child = dataset()
    noted = omero.model.DatasetAnnotationLinkI()
    noted.setParent(child)
    noted.setChild(annotation)
    child.addDatasetAnnotationLink(noted)
    saved = update(ann).saveAndReturnObject(link(1, child), IN_LAB)
    made = saved.getChild()
    assert made.getId().val == 4
    assert made.getDetails().getOwner().getId().val == ANN
    assert made.getDetails().getGroup().getId().val == LAB
    assert made.getVersion().val == 0
    assert not saved.getParent().isLoaded()
    desk = Desk(lab.store)
    assert desk.ask(
        """select d.name, mv.name, mv.value, a.details.creationEvent.id
        from ProjectDatasetLink l join l.child d join d.annotationLinks al join al.child a
        join a.mapValue mv where l.parent.id = 1 and d.id = 4 order by index(mv)"""
    ) == [["new", "k", "v", 4], ["new", "k", "w", 4]]
    logged = desk.ask(
        """select l.action, l.entityType, l.event.experimenter.id from EventLog l
        order by l.entityType"""
    )
    assert [[row[0], str(row[1]).rpartition(".")[2], row[2]] for row in logged] == [
        ["INSERT", "DatasetAnnotationLink", ANN],
        ["INSERT", "MapAnnotation", ANN],
        ["INSERT", "Dataset", ANN],
        ["INSERT", "ProjectDatasetLink", ANN],
    ]


def test_arrays_keep_their_order_and_ids_are_those_of_what_is_new(ann: Any) -> None:
    saved = update(ann).saveAndReturnArray([dataset("b"), dataset("a")], IN_LAB)
    assert [one.getName().val for one in saved] == ["b", "a"]
    known = query(ann).get("Dataset", 1, IN_LAB)
    numbers = update(ann).saveAndReturnIds([known, dataset("c")], IN_LAB)
    assert numbers == [6]


def test_a_failure_undoes_everything(ann: Any, lab: OmeroIceServer) -> None:
    with pytest.raises(omero.ValidationException, match="not-null property"):
        update(ann).saveArray([dataset("first"), omero.model.DatasetI()], IN_LAB)
    desk = Desk(lab.store)
    assert desk.column("select count(d.id) from Dataset d") == [3]
    assert desk.column("select count(e.id) from Event e") == [3]


def test_a_change_raises_the_version_and_an_older_one_is_refused(ann: Any) -> None:
    service = update(ann)
    mine, theirs = (query(ann).get("Dataset", 1, IN_LAB) for _ in range(2))
    mine.setDescription(rtypes.rstring("mine"))
    saved = service.saveAndReturnObject(mine, IN_LAB)
    assert saved.getVersion().val == 1
    assert service.saveAndReturnObject(saved, IN_LAB).getVersion().val == 1  # nothing changed
    theirs.setDescription(rtypes.rstring("theirs"))
    with pytest.raises(omero.OptimisticLockException):
        service.saveAndReturnObject(theirs, IN_LAB)
    assert query(ann).get("Dataset", 1, IN_LAB).getDescription().val == "mine"


def test_pairs_are_replaced_as_a_list(ann: Any, lab: OmeroIceServer) -> None:
    found = query(ann).get("MapAnnotation", 1, IN_LAB)
    found.setMapValue([omero.model.NamedValue("only", "one")])
    assert update(ann).saveAndReturnObject(found, IN_LAB).getVersion().val == 1
    pairs = "select mv.name, mv.value from MapAnnotation a join a.mapValue mv where a.id = 1"
    assert Desk(lab.store).ask(pairs) == [["only", "one"]]


def test_an_equal_link_of_the_same_owner_is_refused(ann: Any) -> None:
    child = omero.model.DatasetI(1, False)
    with pytest.raises(omero.ValidationException, match="constraint"):
        update(ann).saveAndReturnObject(link(1, child), IN_LAB)


def test_references_have_to_be_there(ann: Any) -> None:
    with pytest.raises(omero.ValidationException, match="no Dataset with id 99"):
        update(ann).saveAndReturnObject(link(1, omero.model.DatasetI(99, False)), IN_LAB)


def test_external_info_is_set_once_and_for_good(ann: Any) -> None:
    service = update(ann)
    made = dataset()
    made.getDetails().setExternalInfo(external())
    saved = service.saveAndReturnObject(made, IN_LAB)
    assert saved.getDetails().getExternalInfo().getUuid().val == "20240101-1"
    found = query(ann).findByQuery(
        "select d from Dataset d join fetch d.details.externalInfo x where x.uuid = '20240101-1'",
        None,
        IN_LAB,
    )
    assert found.getId().val == saved.getId().val
    found.getDetails().setExternalInfo(external(2))
    with pytest.raises(omero.SecurityViolation):
        service.saveAndReturnObject(found, IN_LAB)
    later = query(ann).get("Dataset", 1, IN_LAB)
    later.getDetails().setExternalInfo(external(3))
    info = service.saveAndReturnObject(later, IN_LAB).getDetails().getExternalInfo()
    assert info.getEntityId().val == 3
    incomplete = dataset()
    incomplete.getDetails().setExternalInfo(external(kind=None))
    with pytest.raises(omero.ValidationException):
        service.saveAndReturnObject(incomplete, IN_LAB)


def test_new_objects_need_a_real_group_of_the_user(ann: Any, enter: Callable[[str], Any]) -> None:
    with pytest.raises(omero.SecurityViolation):
        update(ann).saveAndReturnObject(dataset(), {"omero.group": "-1"})
    named = dataset()
    named.getDetails().setGroup(omero.model.ExperimenterGroupI(CLOSED, False))
    saved = update(ann).saveAndReturnObject(named, {"omero.group": "-1"})
    assert saved.getDetails().getGroup().getId().val == CLOSED
    with pytest.raises(omero.SecurityViolation):
        update(enter("bob")).saveAndReturnObject(dataset(), {"omero.group": str(CLOSED)})
    existing = query(ann).get("Dataset", 1, IN_LAB)
    existing.setDescription(rtypes.rstring("under -1"))
    assert update(ann).saveAndReturnObject(existing, {"omero.group": "-1"}).getVersion().val == 1


def test_others_may_read_but_neither_change_nor_link(enter: Callable[[str], Any]) -> None:
    bob = enter("bob")
    found = query(bob).get("Project", 1, IN_LAB)
    found.setName(rtypes.rstring("stolen"))
    with pytest.raises(omero.SecurityViolation):
        update(bob).saveAndReturnObject(found, IN_LAB)
    own = update(bob).saveAndReturnObject(dataset(), IN_LAB)
    with pytest.raises(omero.SecurityViolation):
        update(bob).saveAndReturnObject(link(1, own), IN_LAB)
    forged = dataset()
    forged.getDetails().setOwner(omero.model.ExperimenterI(ANN, False))
    with pytest.raises(omero.SecurityViolation):
        update(bob).saveAndReturnObject(forged, IN_LAB)
    given = dataset()
    given.getDetails().setOwner(omero.model.ExperimenterI(BOB, False))
    saved = update(enter("root")).saveAndReturnObject(given, IN_LAB)
    assert saved.getDetails().getOwner().getId().val == BOB


def test_links_stay_within_a_group(ann: Any) -> None:
    outside = dataset()
    outside.getDetails().setGroup(omero.model.ExperimenterGroupI(CLOSED, False))
    saved = update(ann).saveAndReturnObject(outside, {"omero.group": str(CLOSED)})
    child = omero.model.DatasetI(saved.getId(), False)
    with pytest.raises(omero.SecurityViolation):
        update(ann).saveAndReturnObject(link(1, child), {"omero.group": str(LAB)})


# --- deleting ------------------------------------------------------------------------------------


def test_what_hangs_on_an_image_goes_with_it(ann: Any, lab: OmeroIceServer) -> None:
    planned = gone(delete(ann, targetObjects={"Image": [1]}, dryRun=True))
    assert Desk(lab.store).column("select count(i.id) from Image i where i.id = 1") == [1]
    assert gone(delete(ann, targetObjects={"Image": [1]})) == planned
    assert planned["Image"] == [1]
    assert planned["Pixels"] == [1]
    assert planned["Channel"] == [1, 2]
    assert planned["Rectangle"] == [1]
    assert planned["Fileset"] == [1]
    assert planned["TagAnnotation"] == [3]  # nothing else bears it
    assert "MapAnnotation" not in planned  # image 2 and dataset 1 bear it, too
    desk = Desk(lab.store)
    assert desk.column("select i.id from Image i where i.id in (1, 2)") == [2]
    rest = "select count(l.id) from ImageAnnotationLink l where l.parent.id = 1"
    assert desk.column(rest) == [0]


def test_child_options_protect_what_they_name(ann: Any) -> None:
    keep = omero.cmd.graphs.ChildOption(excludeType=["Dataset", "Annotation"])
    found = gone(delete(ann, targetObjects={"Project": [1]}, childOptions=[keep], dryRun=True))
    assert found == {"Project": [1], "ProjectDatasetLink": [1, 2], "ExternalInfo": [1]}
    everything = gone(delete(ann, targetObjects={"Project": [1]}, dryRun=True))
    assert everything["Dataset"] == [1, 2]
    assert everything["Image"] == [1, 2, 3]
    assert 4 not in everything["Image"]  # bob's, whom ann may not delete from
    tags = omero.cmd.graphs.ChildOption(excludeType=["TagAnnotation"])
    kept = gone(delete(ann, targetObjects={"Image": [1]}, childOptions=[tags], dryRun=True))
    assert "TagAnnotation" not in kept
    other = omero.cmd.graphs.ChildOption(excludeType=["TagAnnotation"], includeNs=["elsewhere"])
    loose = gone(delete(ann, targetObjects={"Image": [1]}, childOptions=[other], dryRun=True))
    assert loose["TagAnnotation"] == [3]


def test_a_child_with_another_parent_stays(ann: Any) -> None:
    second = omero.model.ProjectI()
    second.setName(rtypes.rstring("second"))
    saved = update(ann).saveAndReturnObject(second, IN_LAB).getId().val
    update(ann).saveObject(link(saved, omero.model.DatasetI(1, False)), IN_LAB)
    found = gone(delete(ann, targetObjects={"Project": [1]}, dryRun=True))
    assert found["Dataset"] == [2]


def test_unlinking_leaves_both_ends_but_not_an_orphaned_note(ann: Any) -> None:
    assert gone(delete(ann, targetObjects={"ProjectDatasetLink": [1]})) == {
        "ProjectDatasetLink": [1]
    }
    assert query(ann).find("Dataset", 1, IN_LAB) is not None
    (tag,) = query(ann).projection(
        "select l.id from ImageAnnotationLink l where l.child.id = 3", None, IN_LAB
    )[0]
    assert gone(delete(ann, targetObjects={"ImageAnnotationLink": [tag.val]})) == {
        "ImageAnnotationLink": [tag.val]
    }
    (rating,) = query(ann).projection(
        "select l.id from ImageAnnotationLink l where l.child.id = 4", None, IN_LAB
    )[0]
    assert gone(delete(ann, targetObjects={"ImageAnnotationLink": [rating.val]})) == {
        "ImageAnnotationLink": [rating.val],
        "LongAnnotation": [4],
    }


def test_refused_deletions_are_answers_and_change_nothing(
    enter: Callable[[str], Any], lab: OmeroIceServer
) -> None:
    refused = delete(enter("bob"), targetObjects={"Project": [1]})
    assert isinstance(refused, omero.cmd.ERR)
    assert "permission" in refused.parameters["message"]
    assert Desk(lab.store).column("select count(p.id) from Project p") == [1]
    unknown = delete(enter("ann"), targetObjects={"Nonsense": [1]})
    assert isinstance(unknown, omero.cmd.ERR)


def test_several_commands_are_answered_in_one(ann: Any) -> None:
    requests = [
        omero.cmd.Delete2(targetObjects={"Dataset": [number]}, dryRun=True) for number in (2, 3)
    ]
    callback = ann.submit(omero.cmd.DoAll(requests, None), loops=40, ms=250)
    responses = callback.getResponse().responses
    callback.close(True)
    assert [gone(one)["Dataset"] for one in responses] == [[2], [3]]


def test_ids_of_what_was_deleted_are_not_given_again(ann: Any) -> None:
    first = update(ann).saveAndReturnObject(dataset(), IN_LAB).getId().val
    update(ann).deleteObject(omero.model.DatasetI(first, False), IN_LAB)
    assert query(ann).find("Dataset", first, IN_LAB) is None
    assert update(ann).saveAndReturnObject(dataset(), IN_LAB).getId().val == first + 1
