"""What staff ask of a large shop all day, of each kind many different ones: drawn from the rows that are there."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.db import connection
from django.urls import reverse

FAR: Final = 200
"""The last page that can be turned to."""


@dataclass(frozen=True)
class Kind:
    """Requests of one kind, by somebody of one role; `group` is what an aim is set for."""

    group: str
    name: str
    role: str
    addresses: Sequence[str]


def all_of_them(each: int) -> list[Kind]:
    """Every kind, with so many requests, all different where there is a choice."""
    return [*searches(each), *lists(each), *records(each), *homes(each), *boards(each)]


# --- searches

_PAYMENT: Final = """
SELECT 'pi_' || replace(i.id::text, '-', '') AS pi, 'att_' || replace(a.id::text, '-', '') AS att,
       right(i.id::text, 4) AS ending, o.reference AS reference, right(o.reference, 5) AS short,
       a.provider_reference AS psp, a.card_last4 AS last4, i.amount_minor, i.currency, i.created_at::date AS day,
       i.metadata ->> 'basket' AS basket, i.metadata ->> 'campaign' AS campaign, c.reference AS customer,
       'ord_' || replace(o.id::text, '-', '') AS ord, 'cus_' || replace(c.id::text, '-', '') AS cus
  FROM payments_paymentintent i JOIN payments_paymentattempt a ON a.intent_id = i.id
  JOIN payments_order o ON o.id = i.order_id JOIN payments_customer c ON c.id = i.customer_id
 WHERE i.id >= %(from)s AND a.card_last4 <> '' AND i.metadata <> '{}' ORDER BY i.id LIMIT 1"""


def _payments(each: int, newest: timedelta | None = None) -> list[dict[str, Any]]:
    """Payments with a card, a customer and metadata, evenly out of all of the time, or of the newest part of it."""
    from payments.kernel import clock, ids  # noqa: PLC0415  models need the settings

    [(first, _)] = _rows("SELECT id, id FROM payments_paymentintent ORDER BY id LIMIT 1")
    since, now = ids.moment(first), clock.now() - timedelta(hours=6)
    if newest is not None:
        since = now - newest
    moments = [since + (now - since) * number / each for number in range(each)]
    return [one for at in moments for one in _dicts(_PAYMENT, {"from": ids.first(at)})]


def searches(each: int) -> Iterator[Kind]:
    """Every form that the one box understands."""
    from payments.orders.models import Customer  # noqa: PLC0415

    whole, recent = _payments(each), _payments(each, timedelta(days=3))
    people = list(Customer.objects.filter(pk__in=[one["cus"] for one in whole]))
    forms: Mapping[str, Sequence[object]] = {
        "id": [one["pi"] for one in whole],
        "id of an attempt": [one["att"] for one in whole],
        "end of an id": [f"…{one['ending']}" for one in whole],
        "PSP's id": [one["psp"] for one in whole],
        "order reference": [one["reference"] for one in whole],
        "end of a reference": [one["short"] for one in whole],
        "e-mail": [one.email for one in people],
        "name": [one.name for one in people],
        "last4": [one["last4"] for one in whole],
        "amount": [_amount(one) for one in whole],
        "amount without currency": [_amount(one).split()[0] for one in whole],
        "day": [one["day"].isoformat() for one in whole],
        "metadata, rare": [f"basket:{one['basket']}" for one in whole],
        "metadata, common": [f"campaign:{one['campaign']}" for one in whole],
        "metadata of orders": [f"cart:k-{one['reference'][-8:].lstrip('0')}" for one in whole],
        "last4 amount day": [f"{one['last4']} {_amount(one).split()[0]} {one['day']}" for one in whole],
        "last4 amount yesterday": [f"{one['last4']} {_amount(one).split()[0]} yesterday" for one in recent],
        "amount day": [f"{_amount(one)} {one['day']}" for one in whole],
        "last4 last week": [f"{one['last4']} last week" for one in recent],
        "campaign amount": [f"campaign:{one['campaign']} {_amount(one)}" for one in whole],
        "e-mail amount": [f"{who.email} {_amount(one)}" for who, one in zip(people, whole, strict=False)],
        "nothing there": [f"Z-{number}-nothing" for number in range(each)],
        "last4 amount day, nothing there": [f"{one['last4']} 77777.77 {one['day']}" for one in whole],
    }
    for name, asked in forms.items():
        yield Kind("search", name, "support", [f"{reverse('search')}?{urlencode({'q': str(one)})}" for one in asked])


def _amount(payment: Mapping[str, Any]) -> str:
    from payments.kernel import money  # noqa: PLC0415

    digits = money.EXPONENTS.get(payment["currency"], 2)
    return f"{payment['amount_minor'] / 10**digits:.{digits}f} {payment['currency']}"


# --- lists

LISTS: Final[Mapping[str, Sequence[Mapping[str, str]]]] = {
    "payments.paymentintent": (
        {}, {"created": "today"}, {"created": "7"}, {"status__exact": "succeeded"},
        {"status__exact": "requires_action"}, {"status__exact": "requires_capture"}, {"status__exact": "reversed"},
        {"status__exact": "canceled", "created": "yesterday"}, {"status__exact": "expired", "created": "30"},
    ),
    "payments.order": ({}, {"created": "yesterday"}, {"status__exact": "open"}, {"status__exact": "partially_refunded"},
                       {"status__exact": "partially_paid"}, {"status__exact": "refunded", "created": "7"}),
    "payments.customer": ({}, {"created": "30"}),
    "payments.paymentattempt": (
        {}, {"status__exact": "declined"}, {"status__exact": "unknown"}, {"status__exact": "authorized"},
        {"status__exact": "declined", "created": "today"}, {"account__is": "adyen-apac"}, {"method__is": "klarna"},
        {"country__is": "AU"}, {"fate": "approved", "created": "7"}, {"fate": "waiting"},
        {"decline__is": "soft"}, {"country__is": "SG", "method__is": "card", "account__is": "adyen-apac"},
    ),
    "payments.capture": ({}, {"created": "7"}, {"status__exact": "failed"}),
    "refunds.refund": ({}, {"status__exact": "succeeded"}, {"status__exact": "bounced"}, {"reason__exact": "goodwill"},
                       {"created": "30"}, {"whose": "mine"}),
    "refunds.dispute": ({}, {"due": "7"}, {"status__exact": "needs_response"}, {"status__exact": "lost"}),
    "payments.transfer": ({}, {"event__exact": "captured"}, {"created": "today"}),
    "payments.entry": ({}, {"created": "7"}),
    "payments.statechange": ({}, {"created": "yesterday"}),
    "payments.event": ({}, {"created": "today"}),
    "payments.delivery": ({}, {"state__exact": "pending"}, {"state__exact": "failed"}),
    "payments.inboundevent": ({}, {"state__exact": "failed"}, {"came_by__exact": "webhook"}, {"created": "today"}),
    "payments.providercall": ({}, {"verdict__exact": "declined"}, {"kind__exact": "authorize"}, {"created": "today"}),
}  # fmt: skip
"""Table -> what its list is narrowed to."""
_ACCOUNT: Final = ("payments.paymentattempt", "payments.inboundevent", "payments.providercall")


def lists(each: int) -> Iterator[Kind]:
    """Every list of what there is much of, as it is opened and narrowed: first pages, further ones, the last."""
    pages = [1] * (each // 2) + [2, 3, 5, 10, 20, 50, 100, 150, FAR - 1, FAR][: each - each // 2]
    for table, narrowings in LISTS.items():
        address = reverse(f"admin:{table.replace('.', '_')}_changelist")
        for narrowed in narrowings:
            said = ", ".join(f"{name.partition('__')[0]} {value}" for name, value in narrowed.items())
            asked = [f"{address}?{urlencode({**narrowed, **({'p': page} if page > 1 else {})})}" for page in pages]
            yield Kind("lists", f"{table.partition('.')[2]}{f': {said}' if said else ''}", "auditor", asked)
    yield from _searched_lists(each)


def _searched_lists(each: int) -> Iterator[Kind]:
    """Lists that somebody searches instead of the one box."""
    whole = _payments(each)
    asked = {
        "payments.paymentintent: searched by card and amount": [f"{one['last4']} {_amount(one)}" for one in whole],
        "payments.paymentintent: searched by order": [one["reference"] for one in whole],
        "payments.order: searched by reference": [one["reference"] for one in whole],
        "payments.order: searched by its end": [one["short"] for one in whole],
        "payments.paymentattempt: searched by PSP's id": [one["psp"] for one in whole],
        "payments.customer: searched by reference": [one["customer"] for one in whole],
    }
    for name, terms in asked.items():
        address = reverse(f"admin:{name.partition(':')[0].replace('.', '_')}_changelist")
        yield Kind("lists", name.partition(".")[2], "support", [f"{address}?{urlencode({'q': one})}" for one in terms])


# --- pages of one thing, first pages, dashboards

_REFUNDED: Final = "SELECT 'pi_' || replace(intent_id::text, '-', '') FROM refunds_refund ORDER BY id DESC LIMIT 20"
_DISPUTED: Final = "SELECT 'pi_' || replace(intent_id::text, '-', '') FROM refunds_dispute ORDER BY id DESC LIMIT 20"
_REFUND: Final = "SELECT 're_' || replace(id::text, '-', '') FROM refunds_refund ORDER BY id DESC LIMIT 20"
_FREQUENT: Final = "SELECT 'cus_' || replace(id::text, '-', '') FROM payments_customer ORDER BY id LIMIT 20"


def records(each: int) -> Iterator[Kind]:
    """The cockpit of payments, old and new, plain and with a long story, and pages of what is around them."""
    old, told = _payments(each), _payments(each, timedelta(days=30))

    def of(model: str, keys: Sequence[str], page: str = "change") -> list[str]:
        return [reverse(f"admin:{model}_{page}", args=[key]) for key in keys]

    payment = "payments_paymentintent"
    yield Kind("cockpit", "a payment of any time", "support", of(payment, [one["pi"] for one in old]))
    yield Kind("cockpit", "told step by step", "support", of(payment, [one["pi"] for one in told]))
    yield Kind("cockpit", "told step by step, for engineers", "engineer", of(payment, [one["pi"] for one in told]))
    yield Kind("cockpit", "refunded", "support", of(payment, _keys(_REFUNDED)))
    yield Kind("cockpit", "disputed", "support", of(payment, _keys(_DISPUTED)))
    yield Kind("cockpit", "its refund form", "support", of(payment, [one["pi"] for one in told], "refund"))
    yield Kind("cockpit", "an order", "support", of("payments_order", [one["ord"] for one in told]))
    yield Kind("cockpit", "a customer", "support", of("payments_customer", [one["cus"] for one in old]))
    yield Kind("cockpit", "a customer with hundreds of payments", "support", of("payments_customer", _keys(_FREQUENT)))
    yield Kind("cockpit", "a refund", "support", of("refunds_refund", _keys(_REFUND)))
    yield Kind("cockpit", "an attempt", "engineer", of("payments_paymentattempt", [one["att"] for one in told]))


def homes(each: int) -> Iterator[Kind]:
    """What each role sees first."""
    for role in ("support", "support_lead", "finance", "engineer", "auditor", "admin"):
        yield Kind("home", role, role, [reverse("admin:index")] * each)


def boards(each: int) -> Iterator[Kind]:
    """Every dashboard, for several periods, each compared with another one."""
    from payments.kernel import clock  # noqa: PLC0415
    from reporting.admin.dashboards import BOARDS  # noqa: PLC0415

    today = datetime.combine(clock.now().date(), datetime.min.time(), UTC).date()
    for name in BOARDS:
        for words, query in _periods(today).items():
            address = f"{reverse('dashboard', args=[name])}?{urlencode(query)}"
            yield Kind("dashboards", f"{name}, {words}", "auditor", [address] * each)
    yield Kind("dashboards", "uptime", "engineer", [reverse("uptime")] * each)


def _periods(today: date) -> dict[str, dict[str, str]]:
    year = {"period": "custom", "since": str(today - timedelta(days=365)), "until": str(today - timedelta(days=1))}
    return {
        "today": {"period": "today"},
        "yesterday": {"period": "yesterday"},
        "7 days": {"period": "7"},
        "30 days": {"period": "30"},
        "90 days, year before": {"period": "90", "compare": "year"},
        "90 days of one country": {"period": "90", "country": "AC"},
        "a year, year before": {**year, "compare": "year"},
    }


def _rows(sql: str, known: Mapping[str, Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, known)
        rows: list[Any] = cursor.fetchall()
        return rows


def _keys(sql: str) -> list[str]:
    return [key for (key,) in _rows(sql)]


def _dicts(sql: str, known: Mapping[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, known)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
