"""Asking for a report: which, over which days, in which time zone."""

import zoneinfo
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import shown
from payments.kernel import clock
from reporting import texts
from reporting.models import FileFormat
from reporting.reports import base
from reporting.reports.base import Parameters
from reporting.reports.catalogue import REPORTS


def known_zone(name: str) -> None:
    """Refuses what is no name of the IANA database."""
    if name not in base.zones():
        raise forms.ValidationError(_("There is no such time zone. Write UTC, or like Europe/Amsterdam."))


class Offer(NamedTuple):
    """A report as it is offered: `when` somebody wants it, and `more` of what is in it."""

    name: str
    title: str
    when: str
    more: str


def offers() -> list[Offer]:
    """Every report, in the words of the catalogue: "Use this when you …: what it has"."""
    return [Offer(one.name, _(one.title), *map(_, texts.offered(one.use))) for one in REPORTS.values()]


class ReportForm(forms.Form):
    """Which report, over which days, in which time zone."""

    report = forms.ChoiceField(choices=[], widget=forms.RadioSelect)
    first_day = forms.DateField(widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    last_day = forms.DateField(
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=gettext_lazy("It is in the report as a whole."),
    )
    timezone = forms.CharField(
        max_length=64,
        label=gettext_lazy("Time zone"),
        help_text=gettext_lazy("Whose days these are: UTC, or like Europe/Amsterdam."),
        validators=[known_zone],
    )
    currency = forms.CharField(
        required=False, max_length=3, help_text=gettext_lazy("Like EUR. Empty means every currency.")
    )
    format = forms.ChoiceField(choices=shown.choices(FileFormat))

    def __init__(self, data: Any = None, preset: str = "") -> None:
        days = presets()
        first_day, last_day = days.get(preset, days["last-month"])[1:]
        first = {"first_day": first_day, "last_day": last_day, "timezone": "UTC",
                 "report": next(iter(REPORTS)), "format": FileFormat.CSV}  # fmt: skip
        super().__init__(data, initial=first)
        self.fields["report"].choices = [(one.name, one.title) for one in REPORTS.values()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """The days, in their order."""
        said: dict[str, Any] = super().clean() or {}
        if said.get("first_day") and said.get("last_day") and said["last_day"] < said["first_day"]:
            self.add_error("last_day", _("The last day is before the first."))
        return said

    def parameters(self) -> Parameters:
        """From the first day's midnight to the midnight after the last; refuses like the API."""
        said = self.cleaned_data
        zone = zoneinfo.ZoneInfo(said["timezone"])
        return Parameters(
            interval_start=_midnight(said["first_day"], zone),
            interval_end=_midnight(said["last_day"] + timedelta(days=1), zone),
            timezone=said["timezone"],
            currency=said["currency"].strip().upper() or None,
        )


def presets() -> Mapping[str, tuple[str, date, date]]:
    """The periods that are asked for most, by the name in the address: words, first day, last day."""
    today = clock.now().date()
    yesterday, month_end = today - timedelta(days=1), today.replace(day=1) - timedelta(days=1)
    week_end = today - timedelta(days=today.weekday() + 1)
    return {
        "yesterday": (_("Yesterday"), yesterday, yesterday),
        "last-week": (_("Last week"), week_end - timedelta(days=6), week_end),
        "last-month": (_("Last month"), month_end.replace(day=1), month_end),
    }


def _midnight(day: date, zone: zoneinfo.ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)
