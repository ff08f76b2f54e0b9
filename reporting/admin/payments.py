"""Payments: the list, the page that tells the whole story, and the refund form."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.translation import gettext as _

from payments.admin import base, shown
from payments.intents import selectors as intent_selectors
from payments.intents.models import PaymentIntent
from payments.kernel import clock, money
from payments.ledger import selectors as ledger
from refunds import selectors as refund_selectors
from refunds.models import DisputeMovement
from refunds.services import transfers as services
from reporting import meanings, terms
from reporting.admin import (
    incidents,
    refunding,
    saying,
    sentence,
    story,
    tracing,
    transfers,
    undoing,
    whereabouts,
    xray,
)

MAY_REFUND = "refunds.add_refund"

REFUND_COLUMNS = (
    shown.Column("Refund", lambda row, viewer: viewer.reference(row.pk)),
    shown.amount_of("amount"),
    shown.status_of(),
    shown.choice_of("reason"),
    shown.text_of("requested_by", "Asked for by"),
    shown.time_of("created_at"),
)
DISPUTE_COLUMNS = (
    shown.Column("Dispute", lambda row, viewer: viewer.reference(row.pk)),
    shown.amount_of("amount"),
    shown.status_of(),
    shown.choice_of("reason"),
    shown.time_of("respond_by", "Answer by"),
)
ATTEMPT_COLUMNS = (
    shown.Column("Attempt", lambda row, viewer: viewer.reference(row.pk)),
    shown.status_of(),
    shown.Column("Method", lambda row, _viewer: sentence.method(row)),
    shown.linked("account", "Provider account"),
    shown.said_of("reason_for_route", "Why this provider"),
    shown.code_of("provider_reference", "PSP's reference"),
    shown.time_of("created_at"),
)
CAPTURE_COLUMNS = (
    shown.Column("Capture", lambda row, viewer: viewer.reference(row.pk)),
    shown.amount_of("amount"),
    shown.status_of(),
    shown.time_of("captured_at"),
)
TRANSFER_COLUMNS = (
    shown.said_of("narrative", "Booked"),
    shown.Column("Entries", lambda row, _viewer: _entries(row)),
    shown.time_of("booked_at", "When"),
)


def _entries(row: Any) -> str:
    cells = (
        format_html("{} {}", entry.account.code, shown.amount(money.from_minor(entry.amount_minor, entry.currency)))
        for entry in row.entries.all()
    )
    return shown.stacked(cells)


def _order(row: Any, viewer: shown.Viewer) -> str:
    return viewer.link(row.order, row.order.reference) if row.order is not None else _("None")


def _customer(row: Any, viewer: shown.Viewer) -> str:
    customer = row.customer
    if customer is None:
        return _("Guest")
    return viewer.link(
        customer, viewer.personal(customer.name or customer.email) or viewer.nameless(customer.reference)
    )


def _refunded(row: PaymentIntent) -> str:
    return shown.amount(row.amount_refunded) if row.amount_refunded_minor else shown.NOTHING


class PaymentList(base.ChangeList):
    """A page of payments with the attempt that each of them shows, in one query more."""

    def get_results(self, request: HttpRequest) -> None:
        """The rows, each with its `attempt`."""
        super().get_results(request)
        rows = list(self.result_list)
        attempts = intent_selectors.latest_attempts(rows)
        for row in rows:
            row.attempt = attempts.get(row.pk)
        self.result_list = rows


@admin.register(PaymentIntent)
class PaymentAdmin(base.ModelAdmin):
    """A payment: what happened, where the money is, and what can be done."""

    called = ("payment", "payments")
    owns = ("attempts", "captures", "refunds", "disputes", "fraud_warnings")
    columns = (
        shown.amount_of("amount", "Payment"),
        shown.Column("Status", lambda row, _viewer: sentence.status(row)),
        shown.Column("Refunded", lambda row, _viewer: _refunded(row), right=True),
        shown.Column("Order", _order),
        shown.Column("Customer", _customer),
        shown.Column("Method", lambda row, _viewer: sentence.method(row.attempt) or shown.NOTHING),
        shown.time_of("created_at"),
    )
    list_select_related = ("order", "customer")
    list_filter = ("status", base.CreatedFilter)
    id_lookups = {"ord": "order", "cus": "customer", "att": "attempts", "cap": "captures", "re": "refunds"}
    search_help_text = "Order, card, amount, day, any id"
    finds_people = True
    nothing_here = "No payment yet. Payments appear when a shop makes them through the API."
    sections = (
        (
            "About",
            (
                shown.linked("client"),
                shown.said_of("description"),
                shown.choice_of("capture_method", "Money is taken"),
                shown.time_of("created_at"),
                shown.time_of("expires_at"),
                shown.raw_of("metadata"),
            ),
        ),
    )
    record_template = "admin/payment.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:  # noqa: ARG002  Django's signature
        """The list with attempts."""
        return PaymentList

    def find(self, term: str, viewer: shown.Viewer) -> Q:
        """By what customers say."""
        asked = terms.asked(term, clock.now().date())
        return Q(pk__in=meanings.payments(asked, personal=viewer.sees_personal_data))

    def heading(self, row: Any, viewer: shown.Viewer) -> str:
        """By the order's reference, which people say."""
        return (
            _("Payment of %(reference)s") % {"reference": row.order.reference}
            if row.order is not None
            else super().heading(row, viewer)
        )

    def facts(self, request: HttpRequest, row: PaymentIntent) -> dict[str, Any]:
        """The whole story, in the order in which it is asked for on the phone."""
        viewer = self.viewer(request, row)
        refunds = list(row.refunds.select_related("attempt").order_by("pk"))
        captures = list(row.captures.order_by("pk"))
        attempts = list(row.attempts.select_related("account").order_by("pk"))
        latest = next((one for one in attempts if one.pk == row.latest_attempt_id), None)
        statement = tracing.statement(attempts)
        return {
            **super().facts(request, row),
            "sentence": _sentence(row, latest, refunds),
            "aloud": saying.aloud(row, latest, refunds, statement),
            "places": whereabouts.now(row, captures, refunds, viewer),
            "not_now": self._not_now(request, row),
            "error": sentence.error(row),
            "touched": incidents.touched(attempts, _country(row), viewer),
            "figures": _figures(row),
            "order": _order(row, viewer),
            "customer": _customer(row, viewer),
            "why_not": self._why_not(request, row),
            "statement": statement,
            "twice": tracing.twice(row),
            "held": undoing.held(refunds) if _may_refund(request) else [],
            "tables": _tables(row, attempts, (captures, refunds), viewer),
            "timeline": story.lines(row, refunds, viewer),
        }

    def headline(self, row: Any, _viewer: shown.Viewer) -> object:
        """How much, and how it stands."""
        return shown.joined((shown.amount(row.amount), sentence.status(row)), " ")

    def doings(self, request: HttpRequest, row: PaymentIntent) -> Sequence[shown.Doing]:
        """Refund, when there is something to refund; by bank, what its method cannot give back."""
        by_bank = base.from_role(request, transfers.MAY_PROPOSE) and services.possible(row)
        bank = (shown.Doing("Pay back by bank", transfers.new_address(payment=row.pk)),) if by_bank else ()
        if self._why_not(request, row):
            return bank
        return (shown.Doing("Refund", self.address_of("refund", row), main=True), *bank)

    def _why_not(self, request: HttpRequest, row: PaymentIntent) -> str:
        """Why nothing can be refunded here and now; "" when something can."""
        if not _may_refund(request):
            return _("Refunds are made by support.")
        if not row.amount_captured_minor:
            return _("Nothing can be refunded: no money was taken.")
        if not money.to_minor(refund_selectors.refundable(row)):
            return _("Nothing is left to refund.")
        return ""

    def _not_now(self, request: HttpRequest, row: PaymentIntent) -> list[tuple[str, str]]:
        """What cannot be done here and now, and why not."""
        found = [(_("Refund"), self._why_not(request, row))]
        if row.amount_captured_minor:
            found.append((_("Cancel"), _("The money was taken: it goes back by a refund.")))
        elif row.amount_capturable_minor:
            found.append(
                (_("Take the money, or cancel"), _("The shop does that through the API, when it sends the goods."))
            )
        if not services.possible(row):
            found.append(
                (_("Pay back by bank"), _("Its own method can give the money back, or there is none to give."))
            )
        found.append((_("Charge again"), _("Never from here: the customer pays in the shop.")))
        return [(words, why) for words, why in found if why]

    # --- the refund form

    def get_urls(self) -> list[URLPattern]:
        """The admin's routes and the refund form."""
        return [self.route("refund", self.refund, "refund"), *super().get_urls()]

    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what a refund would do; on POST ask for it, once per form however often it is sent."""
        if not _may_refund(request):
            raise PermissionDenied
        row = self.row(request, object_id)
        if isinstance(row, HttpResponse):
            return row
        why_not = self._why_not(request, row)
        if why_not and request.method != "POST":
            messages.warning(request, why_not)
            return HttpResponseRedirect(shown.address(PaymentIntent, row.pk))
        person = refund_selectors.person(request.user)
        look = xray.look(row, person)
        form = refunding.RefundForm(look, request.POST or None)
        if request.method == "POST" and form.is_valid():
            made = refunding.ask(form, person)
            if made is not None:
                messages.success(request, refunding.promise(made))
                return HttpResponseRedirect(shown.address(PaymentIntent, row.pk))
        by_bank = transfers.new_address(payment=row.pk) if base.from_role(request, transfers.MAY_PROPOSE) else ""
        context = {"row": row, "form": form, "xray": look, "by_bank": by_bank, "undo_seconds": refunding.undo_seconds(),
                   "back": shown.address(PaymentIntent, row.pk)}  # fmt: skip
        title = _("Refund: %(heading)s") % {"heading": self.heading(row, shown.Viewer(request.user))}
        return self.page(request, "admin/refund.html", title, context)


def _country(row: PaymentIntent) -> str:
    """From where it is paid, as sums count it."""
    said = row.order.country if row.order is not None else ""
    return said or (row.customer.country if row.customer is not None else "")


def _may_refund(request: HttpRequest) -> bool:
    """Who has it from a role: being superuser is not enough (docs/decisions/0007)."""
    return base.from_role(request, MAY_REFUND)


def _figures(row: PaymentIntent) -> list[tuple[str, str]]:
    """Where the money is now."""
    return [
        (_("Authorised, not taken"), shown.amount(row.amount_capturable)),
        (_("Captured"), shown.amount(row.amount_captured)),
        (_("On its way back"), shown.amount(row.amount_refunding)),
        (_("Refunded"), shown.amount(row.amount_refunded)),
        *([(_("Disputed"), shown.amount(row.amount_disputed))] if row.amount_disputed_minor else []),
        (_("Refundable now"), shown.amount(refund_selectors.refundable(row))),
    ]


def _sentence(row: PaymentIntent, latest: Any, refunds: Sequence[Any]) -> str:
    """What happened, and until when what went back should be seen."""
    sent = [day for one in refunds if one.status == "succeeded" and (day := tracing.latest_arrival(one)) is not None]
    told = sentence.told(row, latest, refunds)
    if not sent or max(sent) < clock.now():
        return told
    return _("%(told)s The customer should see it by %(day)s.") % {"told": told, "day": f"{max(sent):%-d %b %Y}"}


def _tables(row: PaymentIntent, attempts: list[Any], both: tuple[Any, Any], viewer: shown.Viewer) -> list[shown.Table]:
    captures, refunds = both
    disputes = list(row.disputes.order_by("pk"))
    moved = DisputeMovement.objects.filter(dispute__in=disputes).values_list("pk", flat=True) if disputes else ()
    transfers = list(ledger.journal([*(one.pk for one in captures), *(one.pk for one in refunds), *moved]))
    table = shown.table
    return [
        table("Refunds", refunds, REFUND_COLUMNS, viewer, empty="No money was given back."),
        table("Disputes", disputes, DISPUTE_COLUMNS, viewer, empty="No bank disputes it."),
        table("Attempts", attempts, ATTEMPT_COLUMNS, viewer, empty="Nobody has tried to pay yet."),
        table("Captures", captures, CAPTURE_COLUMNS, viewer, empty="No money was taken."),
        table("In the ledger", transfers, TRANSFER_COLUMNS, viewer, empty="Nothing is booked: no money has moved."),
    ]
