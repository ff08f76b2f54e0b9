"""Filters that figures of dashboards lead to: not offered in a list, but understood, shown and taken away again."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.gateway.models import ProviderAccount
from payments.intents.states import AttemptStatus

_WORD: Final = re.compile(r"[\w.-]{1,40}")

APPROVED: Final = Q(authorized_at__isnull=False) | Q(
    status__in=[AttemptStatus.AUTHORIZED, AttemptStatus.CAPTURED, AttemptStatus.CAPTURE_FAILED]
)
WAITING: Final = Q(
    status__in=[AttemptStatus.READY, AttemptStatus.SENT, AttemptStatus.ACTION_REQUIRED, AttemptStatus.PENDING]
)


class BehindFigure(admin.SimpleListFilter):
    """One value of one column, given by the address that a figure leads to."""

    column: ClassVar[str] = ""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """The value that was asked for, so that it is shown and can be taken away; nothing else is offered.

        A value that cannot be one is not among them, and the list says so.
        """
        value = str(self.value() or "")
        return [(value if _WORD.fullmatch(value) else "", value)] if value else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002  Django's
        """The rows with this value."""
        return queryset.filter(self.rows(str(self.value()))) if self.value() else queryset

    def rows(self, value: str) -> Q:
        """What rows with a value have."""
        return Q(**{self.column: value})


class AccountIs(BehindFigure):
    """A provider account by its code."""

    title, parameter_name = gettext_lazy("provider account"), "account__is"

    def rows(self, value: str) -> Q:
        """By its key, of which the planner knows how many have it; through a join it took an eighth for a hundredth."""
        return Q(account_id__in=list(ProviderAccount.objects.filter(code=value).values_list("pk", flat=True)))


class MethodIs(BehindFigure):
    """A payment method."""

    title, parameter_name, column = gettext_lazy("method"), "method__is", "method"


class CountryIs(BehindFigure):
    """The country of the order."""

    title, parameter_name, column = gettext_lazy("country"), "country__is", "intent__order__country"


class DeclineIs(BehindFigure):
    """What a decline tells us to do."""

    title, parameter_name, column = gettext_lazy("kind of decline"), "decline__is", "decline__category"


class Fate(BehindFigure):
    """What became of an attempt, as approval rates count it."""

    title, parameter_name = gettext_lazy("what became of it"), "fate"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002  Django's
        """In words."""
        return [("approved", _("Approved")), ("waiting", _("Waiting"))] if self.value() else []

    def rows(self, value: str) -> Q:
        """Approved, or waiting for the customer or the PSP; whatever else is asked for narrows nothing."""
        return {"approved": APPROVED, "waiting": WAITING}.get(value, Q())


OF_ATTEMPTS: Final = (AccountIs, MethodIs, CountryIs, DeclineIs, Fate)


def days(value: str | None) -> tuple[datetime, datetime] | None:
    """`2026-11-19..2026-11-25`: the first moment, and the first one after the last day, UTC; None for other words."""
    first, _, last = (value or "").partition("..")
    try:
        since, until = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        return None
    begin, end = (datetime.combine(day, time.min, UTC) for day in (since, until))
    return (begin, end + timedelta(days=1)) if since <= until else None
