"""The evidence form of a dispute: what wins it stands first, and what is known is filled in."""

from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import reasons
from payments.connectors.disputes import EvidenceDocument, EvidenceText
from payments.kernel.errors import Refusal
from refunds import defence
from refunds.disputes import DisputeWithStages
from refunds.services import answering, proofs

FILE: Final = "document_"
LONG: Final = (
    EvidenceText.PRODUCT_DESCRIPTION,
    EvidenceText.BILLING_ADDRESS,
    EvidenceText.SHIPPING_ADDRESS,
    EvidenceText.ACCESS_LOG,
    EvidenceText.REFUND_POLICY_DISCLOSURE,
    EvidenceText.REFUND_REFUSAL,
    EvidenceText.DUPLICATE_EXPLANATION,
    EvidenceText.OTHER,
)


class EvidenceForm(forms.Form):
    """One field for each thing that can be said or shown; those that win this kind of dispute are `wanted`."""

    def __init__(self, whole: DisputeWithStages, data: Any = None, files: Any = None) -> None:
        kept = whole.latest.texts
        known = {} if kept else proofs.known(whole.dispute)
        super().__init__(data, files, initial={**known, **kept})
        self.whole, self.known = whole, known
        advice = defence.advice(whole.dispute.reason)
        self.wanted = [*advice.texts, EvidenceText.OTHER] if EvidenceText.OTHER not in advice.texts else advice.texts
        texts = [*self.wanted, *(kind for kind in defence.TEXTS if kind not in self.wanted)]
        for kind in texts:
            self.fields[str(kind)] = _text(kind, filled=str(kind) in known)
        there = {row.kind: row for row in whole.files.get(whole.latest.pk, ())}
        documents = [*advice.documents, *(kind for kind in defence.DOCUMENTS if kind not in advice.documents)]
        for kind in documents:
            self.fields[f"{FILE}{kind}"] = _document(kind, there.get(str(kind)))
        self.documents_wanted = advice.documents

    def groups(self) -> list[tuple[str, list[Any]]]:
        """The fields under their headings: what wins it, and the rest."""
        said = [self[str(kind)] for kind in self.wanted]
        shown = [self[f"{FILE}{kind}"] for kind in self.documents_wanted]
        named = {field.name for field in (*said, *shown)}
        rest = [field for field in self if field.name not in named]
        return [
            (_("What wins this kind of dispute"), said),
            (_("Documents that win it"), shown),
            (_("Anything else"), rest),
        ]

    def save(self, *, by: str) -> bool:
        """Keep what was written; False when it is refused, with the reason beside its field."""
        texts = {str(kind): self.cleaned_data.get(str(kind)) or "" for kind in defence.TEXTS}
        documents = []
        for kind in defence.DOCUMENTS:
            file = self.cleaned_data.get(f"{FILE}{kind}")
            if isinstance(file, UploadedFile):
                documents.append(answering.Document(str(kind), file.name or str(kind), file.read()))
        try:
            answering.gather(self.whole.pk, texts, documents, client_id=None, by=by)
        except Refusal as refusal:
            named = refusal.param if refusal.param in self.fields else f"{FILE}{refusal.param}"
            self.add_error(named if named in self.fields else None, refusal.detail)
            return False
        return True


def _text(kind: EvidenceText, *, filled: bool) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 3}) if kind in LONG else forms.TextInput()
    known = _("Filled in from what we know: check it.") if filled else ""
    return forms.CharField(
        label=_(defence.TEXTS[kind]), required=False, max_length=defence.MAX_TEXT, widget=widget, help_text=known
    )


def _document(kind: EvidenceDocument, there: Any) -> forms.FileField:
    kept = _("PDF, JPEG or PNG, 2 MB.")
    if there is not None:
        kept = _("%(file)s is kept; another one takes its place.") % {"file": there.filename}
    return forms.FileField(
        label=_(defence.DOCUMENTS[kind]),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": "application/pdf,image/jpeg,image/png"}),
        help_text=kept,
    )


class AcceptForm(forms.Form):
    """Why the customer keeps the money."""

    reason = forms.CharField(
        max_length=500,
        min_length=5,
        validators=[reasons.no_card_number],
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("Colleagues read it later. At least five letters."),
    )
