"""From rows to response beans, to any depth of fetch options.

One `Translation` serves one response. As on openBIS, an entity that is reached twice with
structurally equal options is translated once, so both places share one bean; `permId`,
`identifier` and the top of `fetchOptions` are new objects each time. Relations leave out what the
viewer may not see. Every key of the class is present, null where the relation is not fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from backends.demo.openbis.bean_shapes import EMPTY, TEMPLATES
from backends.demo.openbis.catalog import Catalog
from backends.demo.openbis.ids import identifier_fields, perm_id_fields
from backends.demo.openbis.kinds import TYPED_BY, Kind
from backends.demo.openbis.options import Options, options_bean, own_options_bean
from backends.demo.openbis.references import Bean
from backends.demo.openbis.rights import Rights
from backends.demo.openbis.sorting import Sorting
from backends.demo.world import Person, Role

Filler = Callable[["Translation", Bean, Any, Options], None]


class Translation:
    """Translates rows for one viewer and one response."""

    def __init__(self, catalog: Catalog, rights: Rights) -> None:
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
        _FILLERS[kind](self, bean, row, options)
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
        bean["modifier"] = to.one(Kind.PERSON, row.registrator, options.get("modifier"))


def _space(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    bean["id"] = Bean({"@type": "as.dto.space.id.SpaceTechId", "@id": None, "techId": None})
    bean["id"]["techId"] = 1 + list(to.catalog.spaces.rows).index(row.code)
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
    _registration(to, bean, row, options)


def _data_set(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    catalog, wanted = to.catalog, options.relations
    bean["code"], bean["kind"] = row.code, row.kind
    bean["type"] = to.one(Kind.DATA_SET_TYPE, row.type, wanted.get("type"))
    bean["dataStore"] = to.one(Kind.DATA_STORE, "DSS1", wanted.get("dataStore"))
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
    _registration(to, bean, row, options)
    bean["accessDate"] = bean["modificationDate"]


def _physical_data(to: Translation, row: Any, options: Options) -> Bean:
    data, new = to.part("PHYSICAL_DATA", row.code, options)
    if new:
        data["location"], data["size"] = row.location, row.size
        wanted = options.get("fileFormatType")
        if wanted is not None and row.file_format is not None:
            data["fileFormatType"], new = to.part("FILE_FORMAT_TYPE", row.file_format, wanted)
            data["fileFormatType"]["code"] = row.file_format
    return data


def _linked_data(to: Translation, row: Any, options: Options) -> Bean:
    data, new = to.part("LINKED_DATA", row.code, options)
    if new:
        system = to.one(Kind.EXTERNAL_DMS, row.external_dms, options.get("externalDms"))
        data["externalDms"] = system
        copy = Bean(TEMPLATES["CONTENT_COPY"])
        copy["id"] = Bean(
            {"@type": "as.dto.dataset.id.ContentCopyPermId", "@id": None, "permId": row.code}
        )
        copy["externalDms"], copy["externalCode"] = system, row.external_code
        data["contentCopies"] = [copy]
    return data


def _entity_type(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    bean["code"], bean["description"] = row.code, row.description
    bean["modificationDate"] = to.catalog.founded
    if "generatedCodePrefix" in bean:
        bean["generatedCodePrefix"] = row.generated_code_prefix or "S"
    wanted = options.get("propertyAssignments")
    if wanted is not None:
        bean["propertyAssignments"] = [
            _assignment(to, row, code, ordinal, wanted)
            for ordinal, code in enumerate(row.property_codes, start=1)
        ]


def _assignment(to: Translation, row: Any, code: str, ordinal: int, options: Options) -> Bean:
    kind = Kind(f"{row.kind}_TYPE")
    bean, new = to.part("PROPERTY_ASSIGNMENT", f"{kind} {row.code} {code}", options)
    if new:
        bean["permId"] = Bean(
            {
                "@type": "as.dto.property.id.PropertyAssignmentPermId",
                "@id": None,
                "entityTypeId": Bean(perm_id_fields(kind, row.code)),
                "propertyTypeId": Bean(perm_id_fields(Kind.PROPERTY_TYPE, code)),
            }
        )
        bean["ordinal"], bean["registrationDate"] = ordinal, to.catalog.founded
        bean["entityType"] = to.one(kind, row.code, options.get("entityType"))
        bean["propertyType"] = to.one(Kind.PROPERTY_TYPE, code, options.get("propertyType"))
    return bean


def _property_type(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    bean["code"], bean["label"], bean["description"] = row.code, row.label, row.description
    bean["dataType"], bean["registrationDate"] = row.data_type, to.catalog.founded
    bean["managedInternally"] = row.code.startswith("$")
    bean["vocabulary"] = to.one(Kind.VOCABULARY, row.vocabulary, options.get("vocabulary"))


def _vocabulary(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    bean["code"], bean["description"] = row.code, row.description
    bean["registrationDate"] = bean["modificationDate"] = to.catalog.founded
    terms = options.get("terms")
    if terms is not None and not (terms.sort or terms.count is not None):
        rows = to.catalog.terms
        keys = rows.by("vocabulary", row.code)  # terms come in their order, as from a sorted list
        bean["terms"] = [to.bean(Kind.TERM, key, rows.rows[key], terms) for key in keys]
    else:
        bean["terms"] = to.many(Kind.TERM, to.catalog.terms.by("vocabulary", row.code), terms)


def _term(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    bean["code"], bean["label"] = row.code, row.term.label
    bean["description"], bean["ordinal"] = row.term.description, row.ordinal
    bean["registrationDate"] = bean["modificationDate"] = to.catalog.founded
    bean["vocabulary"] = to.one(Kind.VOCABULARY, row.vocabulary, options.get("vocabulary"))


def _person(to: Translation, bean: Bean, row: Any, options: Options) -> None:
    bean["userId"], bean["email"] = row.user_id, row.email
    bean["firstName"], bean["lastName"] = row.first_name, row.last_name
    bean["registrationDate"] = to.catalog.founded
    wanted = options.get("roleAssignments")
    if wanted is not None:
        bean["roleAssignments"] = [
            _role(to, row, number, role, wanted) for number, role in enumerate(row.roles)
        ]


def _role(to: Translation, person: Person, number: int, role: Role, options: Options) -> Bean:
    bean, new = to.part("ROLE_ASSIGNMENT", f"{person.user_id} {number}", options)
    if new:
        bean["role"], bean["roleLevel"] = role.role, role.level
        bean["registrationDate"] = to.catalog.founded
        bean["user"] = to.one(Kind.PERSON, person.user_id, options.get("user"))
        if role.level == "SPACE":
            bean["space"] = to.one(Kind.SPACE, role.scope, options.get("space"))
        if role.level == "PROJECT":
            bean["project"] = to.one(Kind.PROJECT, role.scope, options.get("project"))
    return bean


def _external_dms(_: Translation, bean: Bean, row: Any, __: Options) -> None:
    bean["code"], bean["label"] = row.code, row.label
    bean["urlTemplate"] = bean["address"] = row.url_template
    bean["addressType"], bean["openbis"] = row.address_type, row.address_type == "OPENBIS"


def _data_store(to: Translation, bean: Bean, row: Any, _: Options) -> None:
    bean["code"] = row.code
    bean["downloadUrl"] = bean["remoteUrl"] = row.download_url
    bean["registrationDate"] = bean["modificationDate"] = to.catalog.founded


_FILLERS: dict[Kind, Filler] = {
    Kind.SPACE: _space,
    Kind.PROJECT: _project,
    Kind.EXPERIMENT: _experiment,
    Kind.SAMPLE: _sample,
    Kind.DATA_SET: _data_set,
    Kind.PROPERTY_TYPE: _property_type,
    Kind.VOCABULARY: _vocabulary,
    Kind.TERM: _term,
    Kind.PERSON: _person,
    Kind.EXTERNAL_DMS: _external_dms,
    Kind.DATA_STORE: _data_store,
    **dict.fromkeys(TYPED_BY, _entity_type),
}
