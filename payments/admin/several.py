"""Doing one thing with several rows of a list: counted, asked once more with the number and a reason, then done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import base, reasons
from payments.kernel.errors import Refusal

AT_ONCE: Final = 10_000
SHORTEST: Final = 5


class ReasonForm(forms.Form):
    """Why: it is kept with what was done."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        min_length=SHORTEST,
        max_length=200,
        validators=[reasons.no_card_number],
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Why? At least five letters; everybody who looks later reads it."),
    )


@dataclass(frozen=True)
class Ask:
    """What is to be done with the chosen rows: the button's words, what it does, and the rows it can be done with.

    `act` is given their keys and the reason, and answers with what was done in words.
    """

    words: Any
    effect: Any
    act: Callable[[Sequence[Any], str], str]
    none: Any
    danger: bool = False


def asked(page: base.ModelAdmin, request: HttpRequest, rows: QuerySet[Any], ask: Ask) -> HttpResponse | None:
    """Ask with the number of rows, and do it once that very number was confirmed with a reason; None when it is done.

    When other rows have come under the filter meanwhile it is asked anew.
    """
    keys = list(rows.order_by("pk").values_list("pk", flat=True)[: AT_ONCE + 1])
    if not keys:
        messages.warning(request, ask.none)
        return None
    if len(keys) > AT_ONCE:
        messages.warning(request, _("More than %(most)s at once: narrow the list first.") % {"most": f"{AT_ONCE:,}"})
        return None
    confirmed = request.POST.get("confirmed", "")
    form = ReasonForm(request.POST if confirmed else None)
    if confirmed and confirmed != str(len(keys)):
        messages.warning(request, _("Meanwhile the number has changed. Nothing was done."))
    elif confirmed and form.is_valid():
        try:
            messages.success(request, ask.act(keys, form.cleaned_data["reason"]))
        except Refusal as refusal:
            messages.warning(request, _("%(why)s Nothing was changed.") % {"why": refusal.detail})
        return None
    everything = request.POST.get("select_across") == "1"
    context = {
        "count": len(keys),
        "effect": ask.effect,
        "button": f"{ask.words}: {len(keys):,}",
        "danger": ask.danger,
        "form": form,
        "what": ask.words,
        "back": request.get_full_path(),
        "action": request.POST.get("action", ""),
        "checkbox": ACTION_CHECKBOX_NAME,
        "chosen": keys[:1] if everything else keys,
        "across": "1" if everything else "0",
    }
    return page.page(request, "admin/several.html", ask.words, context)
