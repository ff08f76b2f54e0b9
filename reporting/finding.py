"""Finding what a question asks for, kind by kind: newest first, exact, by an index each, whatever the volume."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache, cached_property
from typing import Any, Final, NamedTuple

from django.apps import apps
from django.db import connection, transaction
from django.db.models import F, Func, Model, Q, QuerySet, TextField, UUIDField, Value
from django.db.models.lookups import GreaterThanOrEqual, LessThan

from payments.gateway.models import ProviderAccount
from payments.intents.models import LIFETIME, PaymentAttempt
from payments.kernel import ids
from payments.orders import selectors as orders
from payments.orders.models import Customer, Order
from payments.rest.models import ApiClient
from reporting.terms import Card, Email, End, Id, Name, Pair, Reading, Reference, Term
from reporting.written import Span, Sum

NEWEST: Final = 500
"""So many of each kind are looked at, the newest; four digits are shared by many."""

RARE: Final = 5_000
"""An entry of metadata that this many have is found among the newest rows; a rarer one by its index."""

WINDOW: Final = 50_000
"""So many of the newest rows hold enough of what is not rare."""

GLANCE: Final = 10_000
"""What every hundredth row has is found among so many of the newest."""


class Arm(NamedTuple):
    """Rows that a reading means, and their column that says which row of the kind it is.

    `few` is said of rows that belong to some hundred others, one or two to each: they are looked up by these, and
    sorted here, and narrowed when all terms hold. The planner takes them for many, and would walk through all rows from
    the newest on, or through all of a day or an amount.
    """

    rows: QuerySet[Any]
    column: str
    few: bool = False


@dataclass(frozen=True)
class Narrowed:
    """What every result must be besides: of one of these amounts, on one of these days."""

    sums: tuple[tuple[Sum, ...], ...] = ()
    spans: tuple[tuple[Span, ...], ...] = ()

    def rows(self, rows: QuerySet[Any], amount: str = "amount_minor", moment: str = "") -> QuerySet[Any]:
        """The rows within; `moment` is the column that says when, where that is not their key."""
        for sums in self.sums:
            rows = rows.filter(costing(sums, amount))
        for spans in self.spans:
            rows = rows.filter(any_of(on_days(one, moment) for one in spans))
        return rows

    def rows_of(self, column: str, value: Any, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the rows within that have one value in a column, and which an index finds by both."""
        rows = Narrowed(self.sums).rows(rows.filter(**{column: value}))
        for spans in self.spans:
            rows = rows.filter(any_of(_days_of(column, value, one) for one in spans))
        return rows

    def opened(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Payments of the amounts that can have been paid on the days: they were opened some days before."""
        before = tuple(tuple(Span(one.first - LIFETIME, one.last) for one in spans) for spans in self.spans)
        return Narrowed(self.sums, before).rows(rows)

    def __bool__(self) -> bool:
        return bool(self.sums or self.spans)


def any_of(conditions: Iterator[Q]) -> Q:
    """One of the conditions holds."""
    found = Q()
    for one in conditions:
        found |= one
    return found


def costing(sums: Sequence[Sum], column: str) -> Q:
    """Rows of one of the amounts, in any currency that it may be of; an index is asked for the numbers."""
    minors = [found for one in sums for found in one.minors()]
    exactly = any_of(Q(**{column: minor, "currency__in": codes}) for minor, codes in minors)
    return Q(**{f"{column}__in": sorted({minor for minor, _ in minors})}) & exactly


def on_days(span: Span, column: str) -> Q:
    """Rows of these days in UTC: by a column that says when, or by their keys, which are in time's order."""
    first, after = _bounds(span)
    if column:
        return Q(**{f"{column}__gte": first, f"{column}__lt": after})
    return Q(pk__gte=ids.first(first), pk__lt=ids.first(after))


def _days_of(column: str, value: Any, span: Span) -> Q:
    """The same of rows that have a value in a column, compared as pairs: the planner takes a day for a row or two, and
    would read all of it by the keys alone."""
    pair, said = _Pair(F(column), F("pk")), value if hasattr(value, "resolve_expression") else Value(value)
    first, after = (_Pair(said, Value(ids.first(at), output_field=UUIDField())) for at in _bounds(span))
    return Q(GreaterThanOrEqual(pair, first)) & Q(LessThan(pair, after))


class _Pair(Func):
    template = "(%(expressions)s)"
    output_field = TextField()  # of no meaning: pairs are compared with each other alone


def _bounds(span: Span) -> tuple[datetime, datetime]:
    """Its first moment, and the first one after it."""
    after = span.last + timedelta(days=1)
    return datetime.combine(span.first, time.min, UTC), datetime.combine(after, time.min, UTC)


class Known:
    """What several kinds look up by: each is asked for once in a search. `personal` data finds people, or does not."""

    def __init__(self, *, personal: bool) -> None:
        self.personal = personal
        self.orders = cache(self._orders)
        self.customers = cache(self._customers)
        self.attempts = cache(self._attempts)

    @cached_property
    def accounts(self) -> list[str]:
        """The few provider accounts there are: with them a PSP's reference is found by its unique index."""
        return list(ProviderAccount.objects.values_list("pk", flat=True))

    def said_by_psp(self, model: type[Model], reference: str) -> QuerySet[Any]:
        """Rows that the PSP calls so."""
        return model._default_manager.filter(account_id__in=self.accounts, provider_reference=reference)

    def _orders(self, reference: str) -> list[str]:
        # by the index of their ends, and sorted here: the planner takes an end for shared by more than share it,
        # and would walk through all orders from the newest on
        return _some(Order.objects.filter(orders.called(reference)))[:NEWEST]

    def _customers(self, reading: Reading) -> list[str]:
        match reading:
            case Reference(text):
                clients = list(ApiClient.objects.values_list("pk", flat=True))
                wanted = Q(client_id__in=clients, reference=text)
            case Email(text) if self.personal:
                wanted = orders.by_email(text)
            case Name(text) if self.personal:
                wanted = orders.by_name(text)
            case _:
                return []
        return newest(Customer.objects.filter(wanted))

    def _attempts(self, reference: str) -> list[str]:
        return newest(self.said_by_psp(PaymentAttempt, reference))


def newest(rows: QuerySet[Any], column: str = "pk", most: int = NEWEST) -> list[str]:
    """The newest of the rows, by one of their columns."""
    return list(rows.order_by("-pk").values_list(column, flat=True)[:most])


def _some(rows: QuerySet[Any], column: str = "pk", most: int = RARE) -> list[str]:
    """The same of rows of which there are few, in whatever order they are found; of more than `most`, some."""
    return sorted(rows.order_by().values_list(column, flat=True)[:most], reverse=True)


@dataclass(frozen=True)
class Kind:
    """Something that is found: its table, the arms of a reading, and how amounts and days narrow it.

    `alone` kinds are found by amounts and days only; the others need a term besides. `exactly` is how few rows are
    narrowed, where `narrow` lets through more, or less, than what is meant. `keyed` kinds have an index of amounts and
    keys, and their keys say when.
    """

    name: str
    model: type[Model]
    arms: Callable[[Reading, Known, Narrowed], Iterator[Arm]]
    narrow: Callable[[QuerySet[Any], Narrowed], QuerySet[Any]]
    alone: bool = False
    keyed: bool = False
    exactly: Callable[[QuerySet[Any], Narrowed], QuerySet[Any]] | None = None

    @property
    def right(self) -> str:
        """The permission that whoever looks for it needs."""
        return f"{self.model._meta.app_label}.view_{self.model._meta.model_name}"

    def within(self, rows: QuerySet[Any], narrowed: Narrowed) -> QuerySet[Any]:
        """Those of few rows that are of the amounts and days which were asked for."""
        return (self.exactly or self.narrow)(rows, narrowed)


def found(kind: Kind, asked: Sequence[Term], known: Known, most: int = NEWEST) -> list[str]:
    """The keys of what a question means among one kind, newest first; all terms hold.

    `NEWEST` at most, or fewer where `most` is enough for who asks and there is nothing to narrow them by afterwards.
    """
    narrowed, others = _split(asked)
    if not others:
        return _by_sums(kind, narrowed) if kind.alone and narrowed else []
    held: set[str] | None = None
    most = most if len(others) == 1 and not narrowed.spans else NEWEST
    for term in sorted(others, key=_cost):
        held = _hold(kind, term, known, narrowed, held, most)
        if not held:
            return []
    rows = kind.model._default_manager.filter(pk__in=held)
    return newest(kind.within(rows, narrowed))


def _split(asked: Sequence[Term]) -> tuple[Narrowed, list[Term]]:
    """Amounts and days narrow every kind by its own columns; the other terms are looked up."""
    sums, spans, others = [], [], []
    for term in asked:
        if all(isinstance(one, Sum) for one in term.readings):
            sums.append(term.readings)
        elif all(isinstance(one, Span) for one in term.readings):
            spans.append(term.readings)
        else:
            others.append(term)
    return Narrowed(tuple(sums), tuple(spans)), others  # type: ignore[arg-type]  # what has just been looked at


_COSTS: Final[Mapping[type, int]] = {Id: 0, Reference: 1, Name: 1, Email: 1, End: 2, Pair: 3, Card: 4, Sum: 5, Span: 6}


def _cost(term: Term) -> int:
    """What is shared by fewest is looked up first, and the rest among what it has found."""
    return max(_COSTS[type(reading)] for reading in term.readings)


def _hold(
    kind: Kind, term: Term, known: Known, narrowed: Narrowed, held: Collection[str] | None, most: int
) -> set[str]:
    """What a term means, among what the terms before it have found."""
    keys: set[str] = set()
    for reading in term.readings:
        for rows, column, few in kind.arms(reading, known, narrowed):
            if held is not None:
                keys |= set(newest(rows.filter(**{f"{column}__in": held}), column))
            elif isinstance(reading, Pair):
                among = kind.narrow(kind.model._default_manager.all(), narrowed)
                keys |= set(_with_pair(rows, among, reading, most))
            elif few:
                keys |= set(_some(rows, column)[: None if narrowed else most])
            else:
                keys |= set(newest(rows, column, most))
    return keys


def _by_sums(kind: Kind, narrowed: Narrowed) -> list[str]:
    """By amount and day alone: each number of minor units is one walk through the index, newest first."""
    rows = kind.model._default_manager.all()
    if not narrowed.sums:
        return newest(kind.narrow(rows, narrowed))
    first, *rest = narrowed.sums
    others = Narrowed(tuple(rest), narrowed.spans)
    exact = [minor for one in first for minor in one.minors()]
    walks = (_of_amount(kind, rows.filter(currency__in=codes), minor, others) for minor, codes in exact)
    return sorted({key for walk in walks for key in newest(walk)}, reverse=True)[:NEWEST]


def _of_amount(kind: Kind, rows: QuerySet[Any], minor: int, narrowed: Narrowed) -> QuerySet[Any]:
    if kind.keyed:
        return narrowed.rows_of("amount_minor", minor, rows)
    return kind.narrow(rows.filter(amount_minor=minor), narrowed)


def _with_pair(rows: QuerySet[Any], among: QuerySet[Any], pair: Pair, most: int) -> list[str]:
    """Rows with an entry of metadata, which is what they have beyond those they are `among`: few by their index, many
    among the newest.

    PostgreSQL knows the commonest entries alone, and of no other how many have it: it says where to look first, and
    what is not found there is counted up to `RARE`. The plan is chosen here.
    """
    if _reckoned(rows) > NEWEST and len(found := _among_newest(among, pair, GLANCE, most)) == most:
        return found
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")  # a million rows that have it or cost that much, exactly
        few = _some(rows, most=RARE + 1)
    if len(few) <= RARE:
        return few[:NEWEST]
    return newest(rows) if among.query.where else _among_newest(among, pair, WINDOW, most)


def _reckoned(rows: QuerySet[Any]) -> int:
    """How many rows the planner thinks there are."""
    return int(json.loads(rows.order_by().values("pk").explain(format="json"))[0]["Plan"]["Plan Rows"])


def _among_newest(among: QuerySet[Any], pair: Pair, window: int, most: int) -> list[str]:
    """The newest that have an entry, if they are among so many of the newest of all; read until enough are found."""
    sql, known = among.order_by("-pk").values("pk", "metadata")[:window].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_AMONG_NEWEST.format(among=sql), [*known, json.dumps({pair.key: pair.value}), most])
        return [ids.encode(prefix_of(among.model), pk) for (pk,) in cursor.fetchall()]


_AMONG_NEWEST: Final = """
    SELECT id FROM ({among}) AS newest (id, metadata) WHERE metadata @> %s::jsonb ORDER BY id DESC LIMIT %s"""


def row_of(object_id: str) -> Model | None:
    """What an id of ours names, of whatever kind; None for nothing."""
    prefix = object_id.rpartition("_")[0]
    for model in apps.get_models():
        if prefix_of(model) == prefix:
            return model._default_manager.filter(pk=object_id).first()
    return None


def prefix_of(model: type[Model]) -> str:
    """How ids of a table begin; "" where they are none of ours."""
    return str(getattr(model._meta.pk, "prefix", ""))
