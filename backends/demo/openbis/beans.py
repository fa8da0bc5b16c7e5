"""From rows to response beans, to any depth of fetch options.

One `Translation` serves one response. As on openBIS, an entity that is reached twice with
structurally equal options is translated once, so both places share one bean; `permId`,
`identifier` and the top of `fetchOptions` are new objects each time. Relations leave out what the
viewer may not see. Every key of the class is present, null where the relation is not fetched.
Types, vocabularies, persons and what else is not the researchers' own are in `system_beans.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backends.demo.openbis.bean_shapes import EMPTY, TEMPLATES
from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.ids import identifier_fields, perm_id_fields
from backends.demo.openbis.kinds import Kind
from backends.demo.openbis.options import Options, options_bean, own_options_bean
from backends.demo.openbis.references import Bean
from backends.demo.openbis.rights import Rights
from backends.demo.openbis.rows import ContentCopy
from backends.demo.openbis.sorting import Sorting

Filler = Callable[["Translation", Bean, Any, Options], None]


class Translation:
    """Translates rows for one viewer and one response."""

    def __init__(self, catalog: Catalog, rights: Rights, fillers: Mapping[Kind, Filler]) -> None:
        self._fillers = fillers
        self.catalog = catalog
        self.rights = rights
        self.sorting = Sorting(catalog)
        self._beans: dict[tuple[str, str, int], Bean] = {}
        self._option_beans: dict[int, Bean] = {}
        self._own_options: dict[int, tuple[Options, Bean]] = {}

    def page(self, kind: Kind, keys: Iterable[str], options: Options) -> list[Bean]:
        """Order, cut and translate rows of one kind."""
        rows = self.catalog.table(kind).rows
        value_of, shuffle = self.sorting.value_of(kind), hash
        if options.count is not None or options.sort:
            chosen = options.page(list(keys), value_of, shuffle)
        else:
            chosen = sorted(keys, key=shuffle)[options.start or 0 :]
        return [self.bean(kind, key, rows[key], options) for key in chosen]

    def one(self, kind: Kind, key: str | None, options: Options | None) -> Bean | None:
        """Translate the row behind a reference; null when not fetched, missing or not visible."""
        if options is None or key is None:
            return None
        row = self.catalog.table(kind).rows.get(key)
        if row is None or not self.rights.sees(kind, row):
            return None
        return self.bean(kind, key, row, options)

    def many(self, kind: Kind, keys: Iterable[str], options: Options | None) -> list[Bean] | None:
        """Translate the rows behind a relation; null when not fetched."""
        if options is None:
            return None
        rows = self.catalog.table(kind).rows
        known = self.rights.visible(kind, (key for key in keys if key in rows))
        return self.page(kind, known, options)

    def bean(self, kind: Kind, key: str, row: Any, options: Options) -> Bean:
        """Translate one row, or hand out its earlier translation with equal options."""
        identity = (kind, key, options.token)
        bean = self._beans.get(identity)
        if bean is not None:
            return bean
        bean = self._beans[identity] = Bean(TEMPLATES[kind])
        bean["fetchOptions"] = self.fetch_options(options)
        if "permId" in bean:
            bean["permId"] = Bean(perm_id_fields(kind, key))
        if options.relations:
            for name in options.relations:
                if name in EMPTY and name in bean:
                    bean[name] = EMPTY[name]()
        self._fillers[kind](self, bean, row, options)
        return bean

    def part(self, shape: str, key: str, options: Options) -> tuple[Bean, bool]:
        """A bean that belongs to an entity: an assignment, a role; whether it is new."""
        identity = (shape, key, options.token)
        bean = self._beans.get(identity)
        if bean is not None:
            return bean, False
        bean = self._beans[identity] = Bean(TEMPLATES[shape])
        bean["fetchOptions"] = self.fetch_options(options)
        return bean, True

    def fetch_options(self, options: Options) -> Bean:
        """The entity's own `fetchOptions`: a new object whose nested ones are the request's."""
        known = self._own_options.get(id(options))
        if known is None:
            nested = {
                name: options_bean(below, self._option_beans)
                for name, below in options.relations.items()
            }
            # The options are kept along, so that no other gets their id.
            known = (options, own_options_bean(options.type, nested))
            self._own_options[id(options)] = known
        return Bean(known[1])


def _registration(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    bean["registrationDate"] = row.registered
    bean["modificationDate"] = getattr(row, "modified", row.registered)
    bean["registrator"] = to.one(Kind.PERSON, row.registrator, options.get("registrator"))
    if "modifier" in bean:
        bean["modifier"] = to.one(Kind.PERSON, row.modifier, options.get("modifier"))


def _composition(to: Translation, kind: Kind, bean: Bean, row: Any, options: Options) -> None:
    """What a sample or data set contains, and the viewer's tags on it."""
    wanted, key = options.relations, getattr(row, "perm_id", row.code)
    if "components" in wanted:
        components = to.catalog.components(kind, key)
        bean["components"] = to.many(kind, components, wanted["components"])
    _tags(to, bean, key, options)


def _tags(to: Translation, bean: Bean, key: str, options: Options) -> None:
    if "tags" in options.relations:
        tags = to.catalog.tags.by("tagged", key)
        bean["tags"] = to.many(Kind.TAG, tags, options.relations["tags"])


def _space(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    bean["id"] = Bean({"@type": "as.dto.space.id.SpaceTechId", "@id": None, "techId": None})
    bean["id"]["techId"] = row.tech_id
    bean["code"], bean["description"] = row.code, row.description
    bean["projects"] = to.many(
        Kind.PROJECT, to.catalog.projects.by("space", row.code), options.get("projects")
    )
    bean["samples"] = to.many(
        Kind.SAMPLE, to.catalog.samples.by("space", row.code), options.get("samples")
    )
    _registration(to, bean, row, options)


def _project(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    catalog = to.catalog
    identifier = catalog.identifier(Kind.PROJECT, row)
    bean["identifier"] = Bean(identifier_fields(Kind.PROJECT, identifier))
    bean["code"], bean["description"] = row.code, row.description
    bean["experiments"] = to.many(
        Kind.EXPERIMENT,
        catalog.experiments.by("project", row.perm_id),
        options.get("experiments"),
    )
    bean["samples"] = to.many(
        Kind.SAMPLE, catalog.samples.by("project", row.perm_id), options.get("samples")
    )
    bean["space"] = to.one(Kind.SPACE, row.space, options.get("space"))
    bean["leader"] = to.one(Kind.PERSON, row.leader, options.get("leader"))
    _registration(to, bean, row, options)


def _experiment(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    catalog = to.catalog
    identifier = catalog.identifier(Kind.EXPERIMENT, row)
    bean["identifier"] = Bean(identifier_fields(Kind.EXPERIMENT, identifier))
    bean["code"] = row.code
    bean["type"] = to.one(Kind.EXPERIMENT_TYPE, row.type, options.get("type"))
    bean["project"] = to.one(Kind.PROJECT, row.project, options.get("project"))
    bean["dataSets"] = to.many(
        Kind.DATA_SET, catalog.data_sets.by("experiment", row.perm_id), options.get("dataSets")
    )
    bean["samples"] = to.many(
        Kind.SAMPLE, catalog.samples.by("experiment", row.perm_id), options.get("samples")
    )
    if "properties" in options.relations:
        bean["properties"] = dict(row.properties)
    _tags(to, bean, row.perm_id, options)
    _registration(to, bean, row, options)


def _sample(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    catalog, wanted = to.catalog, options.relations
    bean["identifier"] = Bean(identifier_fields(Kind.SAMPLE, catalog.identifier(Kind.SAMPLE, row)))
    bean["code"] = row.code
    if wanted:
        bean["type"] = to.one(Kind.SAMPLE_TYPE, row.type, wanted.get("type"))
        bean["project"] = to.one(Kind.PROJECT, catalog.own_project(row), wanted.get("project"))
        bean["space"] = to.one(Kind.SPACE, row.space, wanted.get("space"))
        bean["experiment"] = to.one(Kind.EXPERIMENT, row.experiment, wanted.get("experiment"))
        if "properties" in wanted:
            bean["properties"] = dict(row.properties)
        bean["parents"] = to.many(Kind.SAMPLE, row.parents, wanted.get("parents"))
        if "children" in wanted:
            children = catalog.samples.by("parent", row.perm_id)
            bean["children"] = to.many(Kind.SAMPLE, children, wanted["children"])
        if "dataSets" in wanted:
            data_sets = catalog.data_sets.by("sample", row.perm_id)
            bean["dataSets"] = to.many(Kind.DATA_SET, data_sets, wanted["dataSets"])
        bean["container"] = to.one(Kind.SAMPLE, row.container, wanted.get("container"))
        _composition(to, Kind.SAMPLE, bean, row, options)
    _registration(to, bean, row, options)


def _data_set(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    catalog, wanted = to.catalog, options.relations
    bean["code"], bean["kind"] = row.code, row.kind
    bean["type"] = to.one(Kind.DATA_SET_TYPE, row.type, wanted.get("type"))
    bean["dataStore"] = to.one(Kind.DATA_STORE, row.data_store, wanted.get("dataStore"))
    bean["experiment"] = to.one(
        Kind.EXPERIMENT, catalog.experiment_of_data_set(row), wanted.get("experiment")
    )
    bean["sample"] = to.one(Kind.SAMPLE, row.sample, wanted.get("sample"))
    if "properties" in wanted:
        bean["properties"] = dict(row.properties)
    bean["parents"] = to.many(Kind.DATA_SET, row.parents, wanted.get("parents"))
    if "children" in wanted:
        children = catalog.data_sets.by("parent", row.code)
        bean["children"] = to.many(Kind.DATA_SET, children, wanted["children"])
    if row.kind == "PHYSICAL" and "physicalData" in wanted:
        bean["physicalData"] = _physical_data(to, row, wanted["physicalData"])
    if row.kind == "LINK" and "linkedData" in wanted:
        bean["linkedData"] = _linked_data(to, row, wanted["linkedData"])
    bean["containers"] = to.many(Kind.DATA_SET, row.containers, wanted.get("containers"))
    _composition(to, Kind.DATA_SET, bean, row, options)
    bean["measured"], bean["dataProducer"] = row.measured, row.data_producer
    bean["dataProductionDate"] = row.data_production_date
    _registration(to, bean, row, options)
    bean["accessDate"] = bean["modificationDate"]


def _physical_data(to: Translation, row: Any, options: Options) -> Bean:
    data, new = to.part("PHYSICAL_DATA", row.code, options)
    if new:
        data["location"], data["size"] = row.location, row.size
        data["shareId"], data["complete"], data["status"] = row.share_id, row.complete, row.status
        wanted = options.get("fileFormatType")
        if wanted is not None and row.file_format is not None:
            data["fileFormatType"], new = to.part("FILE_FORMAT_TYPE", row.file_format, wanted)
            data["fileFormatType"]["code"] = row.file_format
    return data


def _linked_data(to: Translation, row: Any, options: Options) -> Bean:
    data, new = to.part("LINKED_DATA", row.code, options)
    if new:
        wanted = options.get("externalDms")
        data["externalCode"] = row.external_code
        data["contentCopies"] = [_content_copy(to, copy, wanted) for copy in row.content_copies]
        if row.content_copies:
            first = row.content_copies[0]
            data["externalDms"] = to.one(Kind.EXTERNAL_DMS, first.external_dms, wanted)
    return data


def _content_copy(to: Translation, copy: ContentCopy, wanted: Options | None) -> Bean:
    bean = Bean(TEMPLATES["CONTENT_COPY"])
    bean["id"] = Bean(
        {"@type": "as.dto.dataset.id.ContentCopyPermId", "@id": None, "permId": copy.perm_id}
    )
    bean["externalDms"] = to.one(Kind.EXTERNAL_DMS, copy.external_dms, wanted)
    bean["externalCode"], bean["path"] = copy.external_code, copy.path
    bean["gitCommitHash"] = copy.git_commit_hash
    bean["gitRepositoryId"] = copy.git_repository_id
    return bean


ENTITY_FILLERS: dict[Kind, Filler] = {
    Kind.SPACE: _space,
    Kind.PROJECT: _project,
    Kind.EXPERIMENT: _experiment,
    Kind.SAMPLE: _sample,
    Kind.DATA_SET: _data_set,
}
