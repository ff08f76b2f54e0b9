"""What a question in the search box was understood as, in words: `Card ending 4242 · 19.99 in any currency`."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from payments.kernel import money
from reporting.terms import Card, Email, End, Id, Name, Pair, Reading, Reference, Term
from reporting.written import Span, Sum

BETWEEN: Final = " · "


def words(asked: Sequence[Term], today: date) -> str:
    """All terms, each with whatever it may mean."""
    return BETWEEN.join(of_term(term, today) for term in asked)


def of_term(term: Term, today: date) -> str:
    """One term; where it may mean several things, all of them."""
    kinds = {type(reading) for reading in term.readings}
    if kinds == {Card, Reference}:
        text = term.readings[1].text  # type: ignore[union-attr]  # the reference, which stands second
        card = term.readings[0].last4  # type: ignore[union-attr]
        if text == card:
            return _("Card, order or payment ending in %(digits)s") % {"digits": card}
    said = list(dict.fromkeys(_said(reading, today) for reading in term.readings))
    return _(" or ").join([said[0], *(one[:1].lower() + one[1:] for one in said[1:])])


def _said(reading: Reading, today: date) -> str:
    match reading:
        case Sum():
            return _sum(reading)
        case Span():
            return _span(reading, today)
        case Pair(key, value):
            return _("Metadata %(key)s: %(value)s") % {"key": key, "value": value}
        case Card(last4):
            return _("Card ending in %(digits)s") % {"digits": last4}
    return _called(reading)


def _called(reading: Id | End | Email | Name | Reference) -> str:
    match reading:
        case Id():
            words = _("Id %(text)s")
        case End():
            words = _("Payment id ending in %(text)s")
        case Email():
            words = _("E-mail address %(text)s")
        case Name():
            words = _("Customer called %(text)s")
        case Reference():
            words = _("Reference %(text)s, or ending so")
    return words % {"text": reading.text}


def _sum(wanted: Sum) -> str:
    if not wanted.currencies:
        return _("%(amount)s in any currency") % {"amount": _number(wanted.value)}
    if len(wanted.currencies) == 1:
        code = wanted.currencies[0]
        return f"{wanted.value:,.{money.exponent(code)}f} {code}"
    codes = ", ".join(wanted.currencies)
    return _("%(amount)s of %(currencies)s") % {"amount": _number(wanted.value), "currencies": codes}


def _number(value: Decimal) -> str:
    """19.90 and 1,234: two decimals, or what it has, or none."""
    places = -int(value.normalize().as_tuple().exponent)
    return f"{value:,.{max(places, 2) if places > 0 else 0}f}"


def _span(span: Span, today: date) -> str:
    """Yesterday (UTC), 3 Nov 2026 (UTC), 3 Nov 2026 to 5 Nov 2026 (UTC)."""
    if span.first == span.last:
        back = (today - span.first).days
        day = {0: _("today"), 1: _("yesterday")}.get(back) or _day(span.first)
        return _("%(day)s (UTC)") % {"day": day}
    return _("%(first)s to %(last)s (UTC)") % {"first": _day(span.first), "last": _day(span.last)}


def _day(day: date) -> str:
    return date_format(day, "j M Y")
