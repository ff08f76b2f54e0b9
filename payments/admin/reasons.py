"""What people write down for others: why they do something. It stays, so that no card number may stand in it."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from unfold import widgets

from payments.rest import cards


def no_card_number(text: str) -> None:
    """Refuse a card number, beside the field, as the API refuses it. Every free text of a form is validated by it."""
    if cards.look_like_number(text):
        raise forms.ValidationError(_("This looks like a card number, which is never written down here."))


def reason_field(help_text: Any, *, max_length: int = 200) -> forms.CharField:
    """Why: everybody who looks later reads it."""
    return forms.CharField(
        max_length=max_length,
        min_length=5,
        validators=[no_card_number],
        widget=widgets.UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=help_text,
    )
