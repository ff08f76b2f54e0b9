"""Whatever people write down for others holds no card number: every free text of a form refuses one."""

from collections.abc import Iterator

from django import forms
from django.contrib import admin

from payments.admin import reasons
from refunds.admin import evidence
from reporting.admin import refunding

TEXTS = {"reason", "because", "why", "note", "comment", "message"}


def free_texts(kind: type[forms.BaseForm] = forms.Form) -> Iterator[tuple[str, forms.Field]]:
    for form in kind.__subclasses__():
        yield from free_texts(form)
        if ".admin." in form.__module__ and form.__module__.split(".")[0] in ("payments", "refunds", "reporting"):
            for name, field in form.base_fields.items():  # type: ignore[attr-defined]  # of the metaclass
                if name in TEXTS and type(field) is forms.CharField:
                    yield f"{form.__module__}.{form.__name__}.{name}", field


def test_every_free_text_refuses_a_card_number() -> None:
    admin.autodiscover()
    found = dict(free_texts())

    assert len(found) > 15
    assert f"{refunding.__name__}.RefundForm.note" in found
    assert f"{evidence.__name__}.AcceptForm.reason" in found
    assert [name for name, field in found.items() if reasons.no_card_number not in field.validators] == []
