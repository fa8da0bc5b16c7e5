"""What `write.py` refuses before anything is asked."""

from __future__ import annotations

import pytest

from backends.errors import InvalidRequest
from backends.omero.write import CHANGES_AT_MOST, Changes, Made, New, Ref, verify


def test_changes_refer_to_what_was_made_before() -> None:
    changes = Changes()
    project = changes.new("Project", {"name": "p"})
    dataset = changes.new("Dataset", {"name": "d"})
    link = changes.link("ProjectDatasetLink", project, dataset)
    note = changes.new("MapAnnotation", {"ns": "n"})
    changes.annotate(project, note)
    changes.annotate(Ref("Image", 7), note)
    verify(changes.items)
    assert (project, dataset, link) == (Made(0), Made(1), Made(2))
    entities = [each.entity for each in changes.items]
    assert entities[4:] == ["ProjectAnnotationLink", "ImageAnnotationLink"]
    assert changes.items[5].properties == {"parent": Ref("Image", 7), "child": note}


@pytest.mark.parametrize("index", [-1, 1, 2, 99])
def test_a_reference_to_itself_or_behind_is_refused(index: int) -> None:
    changes = [New("Dataset", {"name": "d"}), New("X", {"parent": Made(index)})]
    with pytest.raises(InvalidRequest, match="before"):
        verify(changes)


def test_one_object_is_changed_once() -> None:
    changes = Changes()
    changes.update(Ref("Dataset", 1), 1, {"name": "a"})
    changes.update(Ref("Dataset", 2), 1, {"name": "b"})
    changes.update(Ref("Project", 1), 1, {"name": "c"})
    verify(changes.items)
    changes.update(Ref("Dataset", 1), 1, {"name": "d"})
    with pytest.raises(InvalidRequest, match="only once"):
        verify(changes.items)


def test_a_transaction_has_an_end() -> None:
    verify([New("Dataset", {"name": "d"})] * CHANGES_AT_MOST)
    with pytest.raises(InvalidRequest, match="fewer"):
        verify([New("Dataset", {"name": "d"})] * (CHANGES_AT_MOST + 1))
