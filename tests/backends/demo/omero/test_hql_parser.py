from __future__ import annotations

import pytest

from backends.demo.omero import hql_tree as tree
from backends.demo.omero.errors import StoreQueryError
from backends.demo.omero.hql_parser import parse


def test_keywords_come_in_any_case() -> None:
    lower = parse(
        "select d.id from Dataset d left outer join d.imageLinks l where l.id is not null"
    )
    upper = parse("SELECT d.id FROM Dataset d LEFT JOIN d.imageLinks l WHERE l.id IS NOT NULL")
    assert lower == upper


@pytest.mark.parametrize("alias", ["map", "parent", "child", "owner", "group", "index", "value"])
def test_names_of_the_model_are_good_aliases(alias: str) -> None:
    query = parse(f"select {alias}.id from Image as {alias} group by {alias}.id")  # noqa: S608 - HQL
    assert query.roots == (tree.Root(tree.Path(("Image",)), alias),)
    assert query.groups == (tree.Path((alias, "id")),)


def test_and_binds_closer_than_or_and_not_closer_still() -> None:
    where = parse("select i.id from Image i where not i.a = 1 and i.b = 2 or i.c = 3").where
    assert isinstance(where, tree.Binary)
    assert where.operator == "or"
    assert isinstance(where.left, tree.Binary)
    assert where.left.operator == "and"
    assert isinstance(where.left.left, tree.Unary)


def test_a_query_needs_no_select_clause() -> None:
    query = parse("from ProjectDatasetLink as c where c.child.id=1")
    assert query.items == ()
    assert query.roots[0].alias == "c"


def test_a_quote_in_a_text_is_doubled() -> None:
    query = parse("select i.id from Image i where i.name = 'it''s'")
    assert query.where == tree.Binary("=", tree.Path(("i", "name")), tree.Literal("it's"))


def test_fetch_is_noted_on_the_join() -> None:
    query = parse("select i from Image i left outer join fetch i.pixels px join i.format f")
    assert [(join.outer, join.fetch) for join in query.joins] == [(True, True), (False, False)]


@pytest.mark.parametrize(
    ("hql", "place"),
    [
        ("select i.id frm Image i", "line 1, column 17"),
        ("select i.id from Image i where", "the end"),
        ("delete from Image", "'delete from Image'"),
        ("select i.id from Image i limit 5", "'limit 5'"),
        ("select i.id from Image i where i.name ilike 'a'", "ilike"),
        ("select i.id from Image i; drop table Image", "'; drop table Image'"),
    ],
)
def test_a_syntax_error_says_where_it_is(hql: str, place: str) -> None:
    with pytest.raises(StoreQueryError, match="Illegal query") as refusal:
        parse(hql)
    assert place in str(refusal.value)
