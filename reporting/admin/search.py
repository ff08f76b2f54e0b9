"""The one search box: what was understood, what is found of each kind, and what else may be tried."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from payments.admin import shown
from payments.kernel import clock
from reporting import finding, meanings, terms
from reporting.admin import hits, understood
from reporting.finding import Kind
from reporting.terms import Card, Email, Id, Name, Term
from reporting.written import Span, Sum

SHOWN: Final = 10
"""So many of each kind are shown while there are several kinds; of one kind alone, `ALONE`."""
ALONE: Final = 50

TITLES: Final[Mapping[str, Any]] = {
    "payments": gettext_lazy("Payments"),
    "refunds": gettext_lazy("Refunds"),
    "orders": gettext_lazy("Orders"),
    "customers": gettext_lazy("Customers"),
    "disputes": gettext_lazy("Disputes"),
    "payouts": gettext_lazy("Payouts"),
    "lines": gettext_lazy("Settlement lines"),
    "notifications": gettext_lazy("PSP notifications"),
}
EXAMPLES: Final = (
    ("4242 19.99 yesterday", gettext_lazy("a card's last four digits, an amount and a day together")),
    ("A-2026-7731", gettext_lazy("an order's reference, or how it ends")),
    ("19.99 EUR", gettext_lazy("an amount; without a currency it is looked for in all of them")),
    ("3 Nov", gettext_lazy("a day, or several: last week, 2026-11-03..2026-11-05")),
    ("basket:b-77", gettext_lazy("an entry of metadata")),
    ("pi_3Q…", gettext_lazy("any id, ours or the PSP's")),
)
"""What is said of the box while nothing is asked for."""


@dataclass(frozen=True)
class Group:
    """What was found of one kind, and whether that is not all."""

    title: str
    hits: Sequence[hits.Hit]
    more: bool


@dataclass(frozen=True)
class Instead:
    """Another question that may be tried, in words and as an address."""

    words: str
    address: str


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """`GET /admin/search?q=`: everything that this person may see of what was asked for; one thing opens at once."""
    question, viewer = request.GET.get("q", "").strip(), shown.Viewer(request.user)
    today = clock.now().date()
    asked = terms.asked(question, today)
    if address := _straight(asked, viewer):
        return HttpResponseRedirect(address)
    groups = _groups(asked, viewer)
    only = groups[0].hits if len(groups) == 1 and len(asked) == 1 else ()
    if len(only) == 1 and _exact(asked[0]):
        return HttpResponseRedirect(only[0].address)
    context = {
        **admin.site.each_context(request),
        "title": _("Search"),
        "question": question,
        "understood": understood.words(asked, today),
        "groups": groups,
        "instead": [] if groups else list(_instead(asked)),
        "refused": _refused(asked, viewer),
        "examples": EXAMPLES,
    }
    return TemplateResponse(request, "admin/search.html", context)


def address(question: str) -> str:
    """The address of a question."""
    return f"{reverse('search')}?{urlencode({'q': question})}"


def _straight(asked: Sequence[Term], viewer: shown.Viewer) -> str:
    """The page of what an id of ours names; "" where there is none that this person may open."""
    if len(asked) != 1 or not isinstance(asked[0].readings[0], Id):
        return ""
    row = finding.row_of(asked[0].readings[0].text)
    return shown.address(type(row), row.pk) if row is not None and _opens(type(row), viewer) else ""


def _opens(model: type[Model], viewer: shown.Viewer) -> bool:
    meta = model._meta
    return admin.site.is_registered(model) and viewer.may(f"{meta.app_label}.view_{meta.model_name}")


def _exact(term: Term) -> bool:
    """True for what names one thing: neither four digits, which many share, nor a name, an amount or a day."""
    return not any(isinstance(one, Card | Name | Sum | Span) for one in term.readings)


def _groups(asked: Sequence[Term], viewer: shown.Viewer) -> list[Group]:
    if not asked:
        return []
    known = finding.Known(personal=viewer.sees_personal_data)
    kinds = [kind for kind in meanings.KINDS if viewer.may(kind.right)]
    found = [(kind, keys) for kind in kinds if (keys := finding.found(kind, asked, known, ALONE + 1))]
    most = ALONE if len(found) == 1 else SHOWN
    return [_group(kind, keys, most, viewer) for kind, keys in found]


def _group(kind: Kind, keys: Sequence[str], most: int, viewer: shown.Viewer) -> Group:
    told: Callable[[Sequence[str], shown.Viewer], list[hits.Hit]] = hits.OF[kind.name]
    return Group(str(TITLES[kind.name]), told(keys[:most], viewer), more=len(keys) > most)


def _refused(asked: Sequence[Term], viewer: shown.Viewer) -> str:
    """What was not looked for, and why."""
    people = any(isinstance(reading, Email) for term in asked for reading in term.readings)
    if people and not viewer.sees_personal_data:
        return _("Your role may not search by e-mail. Ask support for the order or the payment.")
    return ""


def _instead(asked: Sequence[Term]) -> list[Instead]:
    """Where nothing is found: the same without one term, or with a day on either side."""
    tries = []
    for left_out in asked if len(asked) > 1 else ():
        rest = " ".join(term.text for term in asked if term is not left_out)
        tries.append(Instead(_("Without %(words)s") % {"words": left_out.text}, address(rest)))
    for term in asked:
        if isinstance(term.readings[0], Span):
            wider = f"{_shifted(term.readings[0].first, -1)}..{_shifted(term.readings[0].last, 1)}"
            rest = " ".join(wider if one is term else one.text for one in asked)
            tries.append(Instead(_("With a day more on either side"), address(rest)))
    return tries


def _shifted(day: date, by: int) -> str:
    return (day + timedelta(days=by)).isoformat()
