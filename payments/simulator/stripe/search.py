"""Stripe's search language, as far as payments need it: `field:"value"`, `field>n`, AND, OR, `-`."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

from payments.simulator.stripe import errors, objects
from payments.simulator.stripe.calls import Call

Json = dict[str, Any]
R = TypeVar("R", bound=objects.Record)

_CLAUSE = re.compile(
    r"\s*(?P<not>-)?(?P<field>\w+)(?:\[(?P<quote>[\"'])(?P<key>.+?)(?P=quote)\])?\s*(?P<op>>=|<=|:|~|>|<)\s*"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|null|-?\d+)\s*"
)
_JOIN = re.compile(r"(AND|OR|and|or)\b")
_FIELDS = {"amount", "created", "currency", "customer", "status"}

Test = Callable[[Any], bool]


def page(call: Call, cls: type[R], show: Callable[[R], Json]) -> Json:
    """A page of search results, newest first. `page` is the id after which the next page begins."""
    query, limit = call.params.get("query"), call.params.get("limit", 10)
    if not query:
        raise errors.InvalidError("Missing required param: query.", "query", "parameter_missing")
    if not 1 <= limit <= 100:
        raise errors.InvalidError("Limit must be between 1 and 100.", "limit", "parameter_invalid_integer")
    test, after = _parse(query), call.params.get("page")
    found: list[R] = []
    skipping = after is not None
    for record in call.shop.newest(cls):
        if skipping:
            skipping = record.id != after
        elif test(record):
            found.append(record)
            if len(found) > limit:
                break
    more = len(found) > limit
    return {
        "object": "search_result",
        "data": [show(record) for record in found[:limit]],
        "has_more": more,
        "next_page": found[limit - 1].id if more else None,
        "url": f"/v1/{cls.kind}s/search",
    }


def _parse(query: str) -> Test:
    tests, place, joins = [], 0, set()
    while place < len(query):
        clause = _CLAUSE.match(query, place)
        if clause is None:
            raise _bad(query)
        tests.append(_test(clause, query))
        place = clause.end()
        join = _JOIN.match(query, place)
        if join is None and place < len(query):
            raise _bad(query)
        if join is not None:
            joins.add(join[1].upper())
            place = join.end()
    if len(joins) > 1:
        raise errors.InvalidError("You cannot combine AND with OR in one search query.", "query")
    decide = any if joins == {"OR"} else all
    return lambda record: decide(test(record) for test in tests)


def _bad(query: str) -> errors.InvalidError:
    return errors.InvalidError(f"We were unable to parse your search query: {query}", "query")


def _test(clause: re.Match[str], query: str) -> Test:
    field, key, raw = clause["field"], clause["key"], clause["value"]
    if (field == "metadata") == (key is None) or (key is None and field not in _FIELDS):
        raise errors.InvalidError(f"Field `{field}` is an unsupported search field for this resource.", "query")
    wanted: Any = None if raw == "null" else re.sub(r"\\(.)", r"\1", raw[1:-1]) if raw[0] in "\"'" else int(raw)
    compare = _COMPARE[clause["op"]]
    if clause["op"] not in {":", "~"} and not isinstance(wanted, int):
        raise _bad(query)

    def test(record: Any) -> bool:
        value = record.metadata.get(key) if key is not None else getattr(record, field)
        hit = value is None if wanted is None else value is not None and compare(value, wanted)
        return hit != bool(clause["not"])

    return test


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ":": lambda value, wanted: value == wanted or str(value) == str(wanted),
    "~": lambda value, wanted: str(wanted).lower() in str(value).lower(),
    ">": lambda value, wanted: value > wanted,
    "<": lambda value, wanted: value < wanted,
    ">=": lambda value, wanted: value >= wanted,
    "<=": lambda value, wanted: value <= wanted,
}
