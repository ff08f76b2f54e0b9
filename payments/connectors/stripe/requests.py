"""What Stripe is asked for: the addresses and the bodies of its requests, and when one is repeated."""

import io
from collections.abc import Callable, Mapping
from typing import Any, Final

from payments.connectors import http
from payments.connectors.base import Authorize, Cancel, Outcome, Refund, Verdict
from payments.connectors.disputes import EvidenceDocument, EvidenceFile, EvidenceText, SubmitEvidence
from payments.connectors.stripe import mapping

Verb = tuple[str, str]
"""A method and an address of Stripe's API."""

CREATE: Final = ("post", "/v1/payment_intents")
RETRIEVE: Final = ("get", "/v1/payment_intents/{}")
SEARCH: Final = ("get", "/v1/payment_intents/search")
CONFIRM: Final = ("post", "/v1/payment_intents/{}/confirm")
CAPTURE: Final = ("post", "/v1/payment_intents/{}/capture")
CANCEL: Final = ("post", "/v1/payment_intents/{}/cancel")
REFUND: Final = ("post", "/v1/refunds")
REFUNDS: Final = ("get", "/v1/refunds")
RETRIEVE_REFUND: Final = ("get", "/v1/refunds/{}")
EVENTS: Final = ("get", "/v1/events")
CUSTOMER: Final = ("post", "/v1/customers")
METHOD: Final = ("get", "/v1/payment_methods/{}")
DETACH: Final = ("post", "/v1/payment_methods/{}/detach")
DISPUTE: Final = ("get", "/v1/disputes/{}")
SUBMIT: Final = ("post", "/v1/disputes/{}")
CLOSE: Final = ("post", "/v1/disputes/{}/close")
PAYOUTS: Final = ("get", "/v1/payouts")
PAYOUT: Final = ("get", "/v1/payouts/{}")
BALANCE: Final = ("get", "/v1/balance")
MOVEMENTS: Final = ("get", "/v1/balance_transactions")
RUN_REPORT: Final = ("post", "/v1/reporting/report_runs")
REPORT_RUN: Final = ("get", "/v1/reporting/report_runs/{}")
UPLOAD: Final = ("post", "/v1/files")

ABANDONED: Final = {"cancellation_reason": "abandoned"}
CANCEL_REASONS: Final = frozenset(["abandoned", "duplicate", "fraudulent", "requested_by_customer"])
REFUND_REASONS: Final = frozenset(["duplicate", "fraudulent", "requested_by_customer"])


def creation(request: Authorize, payer: str) -> dict[str, Any]:
    """The unconfirmed intent, by which nobody is charged; `payer` is Stripe's customer, who keeps what is saved."""
    method = request.saved_token or request.token
    params: dict[str, Any] = {
        "amount": mapping.to_stripe(request.amount),
        "currency": request.amount.currency.code.lower(),
        "capture_method": "automatic" if request.capture else "manual",
        "allowed_payment_method_types": [request.type],
        "metadata": {**request.metadata, "attempt": request.reference},
    }
    if method:
        params["payment_method"] = method
    if payer:
        params["customer"] = payer
    if request.save and not request.saved_token:
        params["setup_future_usage"] = "off_session" if request.unattended else "on_session"
    if request.description:
        params["description"] = request.description
    return params


def confirmation(request: Authorize) -> dict[str, Any]:
    """What the confirmation says. What the customer gave stands here alone: so creation can be repeated without it."""
    params = request.placed()
    if request.saved_token:
        params.pop("mandate_data", None)  # the mandate was given when it was saved
    if request.saved_token or request.token:
        params.pop("payment_method_data", None)
    else:
        data = params.setdefault("payment_method_data", {})
        known, told = _billing(request), data.get("billing_details", {})
        address = {**known.pop("address", {}), **told.pop("address", {})}
        data |= {"type": request.type, "billing_details": known | told | ({"address": address} if address else {})}
    if request.expires_after_days:
        options = params.setdefault("payment_method_options", {}).setdefault(request.type, {})
        options["expires_after_days"] = request.expires_after_days
    if request.return_url:
        params["return_url"] = request.return_url
    if request.off_session:
        params["off_session"] = True
    if request.browser.get("native_three_ds") is True:
        params["use_stripe_sdk"] = True
    return params


def _billing(request: Authorize) -> dict[str, Any]:
    shopper = request.shopper
    address = {"country": shopper.country} if shopper.country else None
    said = {"email": shopper.email, "name": shopper.name, "address": address}
    return {name: value for name, value in said.items() if value}


def cancel(request: Cancel) -> dict[str, Any]:
    """A cancel, with our reason where Stripe knows it."""
    return {"cancellation_reason": request.reason} if request.reason in CANCEL_REASONS else {}


def refund(request: Refund) -> dict[str, Any]:
    """A refund, which carries our id."""
    params: dict[str, Any] = {
        "payment_intent": request.provider_reference,
        "amount": mapping.to_stripe(request.amount),
        "metadata": {"refund": request.reference},
    }
    if request.reason in REFUND_REASONS:
        params["reason"] = request.reason
    return params


# --- disputes: docs.stripe.com/api/disputes/evidence_object ----------------------------------------------------------

TEXTS: Final[Mapping[EvidenceText, str]] = {
    **{name: name.value for name in EvidenceText},
    EvidenceText.CUSTOMER_EMAIL: "customer_email_address",
    EvidenceText.CUSTOMER_IP: "customer_purchase_ip",
    EvidenceText.SHIPPING_TRACKING: "shipping_tracking_number",
    EvidenceText.ACCESS_LOG: "access_activity_log",
    EvidenceText.REFUND_REFUSAL: "refund_refusal_explanation",
    EvidenceText.DUPLICATE_EXPLANATION: "duplicate_charge_explanation",
    EvidenceText.OTHER: "uncategorized_text",
}
"""Where Stripe wants what is said."""

DOCUMENTS: Final[Mapping[EvidenceDocument, str]] = {
    **{name: name.value for name in EvidenceDocument},
    EvidenceDocument.DUPLICATE_DOCUMENTATION: "duplicate_charge_documentation",
    EvidenceDocument.OTHER: "uncategorized_file",
}
"""Where Stripe wants what is shown: the ids of files."""


class _Named(io.BytesIO):
    """A file as the SDK sends it."""

    def __init__(self, file: EvidenceFile) -> None:
        super().__init__(file.content)
        self.name = file.filename


def upload(file: EvidenceFile) -> dict[str, Any]:
    """A document; `base` and `content_type` are the SDK's: files have an address, and a form, of their own."""
    asked = {"purpose": "dispute_evidence", "file": _Named(file)}
    return {**asked, "base": "files", "content_type": "multipart/form-data"}


def evidence(request: SubmitEvidence, documents: Mapping[EvidenceDocument, str]) -> dict[str, Any]:
    """The whole answer, with the ids of its documents; the key in the metadata proves whose answer it was."""
    said = {TEXTS[name]: text for name, text in request.texts.items() if text}
    shown = {DOCUMENTS[kind]: file_id for kind, file_id in documents.items()}
    return {"evidence": {**said, **shown}, "submit": True, "metadata": {"evidence": request.key}}


def repeated(repeat: Callable[[], Outcome], trace: Callable[[], Outcome | None], *, again: bool, old: bool) -> Outcome:
    """Repeat a call with its key while that may be done; else, or when it fails, look for what the call has left.

    No trace is proof only when the first request has surely ended: its stored error was repeated, or it is old.
    """
    ended = old
    if again:
        try:
            return repeat()
        except http.FailedError as failure:
            ended = isinstance(failure, mapping.RefusedError) and failure.is_old_failure
    seen = trace()
    if seen is not None:
        return seen
    verdict = Verdict.UNAVAILABLE if ended else Verdict.UNKNOWN
    return Outcome(verdict=verdict, detail="Stripe shows no trace of it")
