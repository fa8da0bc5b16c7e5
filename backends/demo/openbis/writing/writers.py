"""Which function creates, updates or deletes each kind, and in which order a transaction does so.

The order is that of the real server: creations go from what others refer to to what refers to
others. Kinds without a function have no such method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backends.demo.openbis.kinds import TYPED_BY, Kind
from backends.demo.openbis.writing import (
    accounts,
    data_sets,
    entity_types,
    experiments,
    places,
    property_types,
    samples,
    tags,
    tokens,
    vocabularies,
)
from backends.demo.openbis.writing.work import Work

Many = Callable[[Work, list[dict[str, Any]]], list[str]]
One = Callable[[Work, str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Writer:
    """The functions of one kind; `creation` and `update` are the bean names of what they take."""

    create: Many | None = None
    update: Many | None = None
    delete: One | None = None  # at once; kinds of the trash have none


_TYPE_WRITERS = {
    kind: Writer(entity_types.creator(kind), entity_types.updater(kind), entity_types.deleter(kind))
    for kind in TYPED_BY
}

# In the order of creations.
WRITERS: dict[Kind, Writer] = {
    Kind.PERSON: Writer(accounts.create_persons, accounts.update_persons, accounts.delete_person),
    Kind.VOCABULARY: Writer(
        vocabularies.create_vocabularies,
        vocabularies.update_vocabularies,
        vocabularies.delete_vocabulary,
    ),
    Kind.TERM: Writer(
        vocabularies.create_terms, vocabularies.update_terms, vocabularies.delete_term
    ),
    Kind.PROPERTY_TYPE: Writer(
        property_types.create_property_types,
        property_types.update_property_types,
        property_types.delete_property_type,
    ),
    Kind.EXPERIMENT_TYPE: _TYPE_WRITERS[Kind.EXPERIMENT_TYPE],
    Kind.SAMPLE_TYPE: _TYPE_WRITERS[Kind.SAMPLE_TYPE],
    Kind.DATA_SET_TYPE: _TYPE_WRITERS[Kind.DATA_SET_TYPE],
    Kind.SPACE: Writer(places.create_spaces, places.update_spaces, places.delete_space),
    Kind.PROJECT: Writer(places.create_projects, places.update_projects, places.delete_project),
    Kind.EXPERIMENT: Writer(experiments.create_experiments, experiments.update_experiments),
    Kind.SAMPLE: Writer(samples.create_samples, samples.update_samples),
    Kind.EXTERNAL_DMS: Writer(
        accounts.create_external_dms, accounts.update_external_dms, accounts.delete_external_dms
    ),
    Kind.DATA_SET: Writer(data_sets.create_data_sets, data_sets.update_data_sets),
    Kind.TAG: Writer(tags.create_tags, tags.update_tags, tags.delete_tag),
    Kind.AUTHORIZATION_GROUP: Writer(
        accounts.create_groups, accounts.update_groups, accounts.delete_group
    ),
    Kind.ROLE_ASSIGNMENT: Writer(
        accounts.create_role_assignments, None, accounts.delete_role_assignment
    ),
    Kind.PERSONAL_ACCESS_TOKEN: Writer(
        tokens.create_tokens, tokens.update_tokens, tokens.delete_token
    ),
}
TRASHED = (Kind.DATA_SET, Kind.SAMPLE, Kind.EXPERIMENT)
