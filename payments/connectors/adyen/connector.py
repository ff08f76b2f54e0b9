"""Adyen, spoken to through its own SDK over our HTTP client; every answer becomes an outcome."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from moneyed import Money

from payments.connectors import answers, http
from payments.connectors.adyen import accounting, defense, mapping, reports, requests, settling, transport, webhooks
from payments.connectors.base import (
    Adjust,
    AnyRequest,
    Authorize,
    Cancel,
    Capture,
    Complete,
    Outcome,
    PspEvent,
    Refund,
    Reverse,
    Verdict,
)
from payments.connectors.declines import DECLINES
from payments.connectors.disputes import AcceptDispute, SubmitEvidence
from payments.kernel.errors import invariant

Json = Mapping[str, Any]
Change = Capture | Cancel | Adjust | Reverse | Refund | SubmitEvidence | AcceptDispute

WAITS_SECONDS: Final = 60
"""How long a customer may still be waiting for the answer to a payment, so that it may be made by repeating it."""

KEY_SECONDS: Final = 6 * 24 * 3600
"""How long a key surely repeats its first answer: the shortest that Adyen's pages have said is seven days."""

KEY_LENGTH: Final = 64
REFUND_REASONS: Final = {
    "requested_by_customer": "CUSTOMER REQUEST",
    "fraudulent": "FRAUD",
    "duplicate": "DUPLICATE",
}

COMPLETIONS: Final = frozenset(
    [
        "MD", "PaReq", "PaRes", "authorization_token", "billingToken", "cupsecureplus.smscode",
        "facilitatorAccessToken", "oneTimePasscode", "orderID", "payerID", "payload", "paymentID", "paymentStatus",
        "redirectResult", "resultCode", "returnUrlQueryString", "threeDSResult", "threeds2.challengeResult",
        "threeds2.fingerprint", "vaultToken",
    ]
)  # fmt: skip
"""What a customer's action may give back (PaymentCompletionDetails of Checkout v72)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One merchant account at Adyen. `interactive` calls wait 10 s for an answer, others 25 s.

    `base_url` without a trailing slash leads to any server that speaks Checkout v72, with disputes beside it; None is
    Adyen itself, in live under the company's `live_prefix` and in `region` ("" is Europe). During a rotation several
    `hmac_keys` count; `livemode` is what every notification must say. `gate` says when a request may leave. Reports are
    fetched by `report_user` (`user:password`); they lie beside the API of a `base_url` (`…/v72` and
    `…/reports/download`).
    """

    account: str
    api_key: str = field(repr=False)
    client_key: str
    hmac_keys: Sequence[str] = field(repr=False)
    merchant_account: str
    base_url: str | None
    livemode: bool
    interactive: bool
    live_prefix: str = ""
    region: str = ""
    report_user: str = field(default="", repr=False)
    gate: http.Gate = http.OPEN


class AdyenConnector:
    """`payments.connectors.base.Connector` for one merchant account at Adyen."""

    can_be_asked = False
    reverses = True
    acknowledgement = "[accepted]"
    keeps_events = timedelta(days=30)
    tells_daily = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._origin = webhooks.Origin(
            merchant_account=settings.merchant_account,
            keys=webhooks.keys(settings.hmac_keys),
            livemode=settings.livemode,
        )
        self._reports = reports.source(
            user=settings.report_user,
            merchant_account=settings.merchant_account,
            base_url=settings.base_url,
            livemode=settings.livemode,
        )
        self.settling = settling.AdyenSettling(self._reports, settings.gate)
        base_url = settings.base_url or transport.address(
            livemode=settings.livemode, prefix=settings.live_prefix, region=settings.region
        )
        client = http.INTERACTIVE if settings.interactive else http.BACKGROUND
        self._services = transport.Services(
            transport.Transport(client, settings.account, settings.gate),
            api_key=settings.api_key,
            base_url=base_url,
            disputes_url=transport.disputes_address(livemode=settings.livemode, base_url=settings.base_url),
        )

    def authorize(self, request: Authorize) -> Outcome:
        """Take or reserve money: one request."""
        return self._answered(lambda: self._authorized(request))

    def complete_action(self, request: Complete) -> Outcome:
        """Hand over what the customer's action gave back: only this makes the payment."""
        return self._answered(lambda: self._completed(request), request.provider_reference)

    def capture(self, request: Capture) -> Outcome:
        """Take reserved money; Adyen releases the rest, so a capture that is not final is declined here."""
        return self._answered(lambda: self._captured(request), request.provider_reference)

    def cancel(self, request: Cancel) -> Outcome:
        """Void an authorisation or stop a payment that waits: by Adyen's reference, else by ours."""
        return self._answered(lambda: self._canceled(request), request.provider_reference)

    def adjust(self, request: Adjust) -> Outcome:
        """Ask the issuer to hold this amount from now on: only cards that were pre-authorised can be."""
        return self._answered(lambda: self._adjusted(request), request.provider_reference)

    def reverse(self, request: Reverse) -> Outcome:
        """Cancel or refund, whichever it takes when Adyen comes to it."""
        return self._answered(lambda: self._reversed(request), request.provider_reference)

    def refund(self, request: Refund) -> Outcome:
        """Give money back; `provider_reference` of the outcome is the refund's id."""
        return self._answered(lambda: self._refunded(request))

    def submit_evidence(self, request: SubmitEvidence) -> Outcome:
        """Supply the documents that fit one of Adyen's defense reasons, then defend for that reason."""
        return self._answered(lambda: defense.submit(self._disputes, request), request.dispute_reference)

    def accept_dispute(self, request: AcceptDispute) -> Outcome:
        """Accept it: Adyen defends it no more."""
        return self._answered(lambda: defense.accept(self._disputes, request), request.dispute_reference)

    def find(
        self, request: AnyRequest, *, provider_reference: str, sent_at: datetime, may_repeat: bool = True
    ) -> Outcome:
        """What can be learned about a call whose answer is not known, without ever charging twice.

        Adyen cannot be asked. What is repeated with its key answers as it did; what may no longer be repeated stays
        unknown until a notification tells.
        """
        age = time.time() - sent_at.timestamp()
        waits, remembered = may_repeat and age < WAITS_SECONDS, may_repeat and age < KEY_SECONDS

        def evidence() -> Outcome:
            try:
                return self._found(request, provider_reference, waits=waits, remembered=remembered)
            except http.FailedError as failure:
                asked = mapping.failed(failure, provider_reference=provider_reference)
                final = isinstance(failure, mapping.RefusedError) and asked.verdict is Verdict.DECLINED
                return asked if final else replace(asked, verdict=Verdict.UNKNOWN, decline=None)

        return self._answered(evidence)

    def read_notification(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> Sequence[PspEvent]:  # noqa: ARG002
        """Verify a webhook, every item of it, and translate it. Adyen signs no time: `now` proves nothing."""
        webhooks.verify(body, headers, self._origin)
        return webhooks.read(body, self._origin)

    def translate_notification(self, body: bytes) -> Sequence[PspEvent]:
        """Translate a webhook that was verified before, or what a report said of a payment."""
        told = accounting.told(body)
        return accounting.read(told) if told else webhooks.read(body, self._origin)

    def events_since(self, moment: datetime, until: datetime) -> Iterator[bytes]:
        """What the payments accounting reports of these days tell, payment by payment: Adyen has no list of its events.

        A day is what Adyen takes for one in the account's time zone.
        """
        return accounting.accounts_since(self._reports, moment, until, self._settings.gate)

    def client_options(self) -> Mapping[str, str]:
        """What Adyen's components for the web and for apps need."""
        region = f"-{self._settings.region}" if self._settings.region else ""
        environment = f"live{region}" if self._settings.livemode else "test"
        return {"client_key": self._settings.client_key, "environment": environment}

    def cannot_say(self, amount: Money) -> str:
        """Why Adyen has no way to say this amount, in words for people; "" when it has."""
        return mapping.cannot_say(amount)

    def can_say(self, currency: str) -> bool:
        """Whether Adyen takes payments in this currency at all."""
        return currency in mapping.CURRENCIES

    def made(self, token: str) -> bool:
        """Whether a token of a payment method looks like one of Adyen's."""
        return mapping.TOKEN.fullmatch(token) is not None

    # --- asking ---

    def _answered(self, ask: Callable[[], Outcome], reference: str = "") -> Outcome:
        """What `ask` learns, or what its failure proves."""
        return answers.learned(ask, lambda failure: mapping.failed(failure, provider_reference=reference))

    def _ask(self, verb: Callable[..., Any], *ids: str, key: str, body: Json) -> dict[str, Any]:
        """One request; its JSON object. Raises `http.FailedError`.

        The answer is read from its body: the SDK's own `psp` may come from a header.
        """
        invariant(len(key) <= KEY_LENGTH, "an idempotency key has at most 64 characters at Adyen")
        self._settings.gate.enter(verb.__name__)
        answer: Any = verb(dict(body), *(quote(each, safe="") for each in ids), idempotency_key=key).message
        ours = answer.get("merchantAccount", self._settings.merchant_account)
        if ours != self._settings.merchant_account:
            raise mapping.UnreadableError("the answer is of another merchant account")
        return dict(answer)

    def _disputes(self, verb: str, reference: str, *, key: str = "", more: Json | None = None) -> dict[str, Any]:
        """One request of the Disputes API about one dispute."""
        who = {"merchantAccountCode": self._settings.merchant_account, "disputePspReference": reference}
        return self._ask(getattr(self._services.disputes, verb), key=key, body={**who, **(more or {})})

    # --- payments ---

    def _for_us(self, body: Json) -> dict[str, Any]:
        return {"merchantAccount": self._settings.merchant_account, **body}

    def _authorized(self, request: Authorize) -> Outcome:
        """Off session nobody is there to take an action: the issuer wants a customer."""
        body = self._for_us(requests.payment(request))
        outcome = mapping.payment(
            self._ask(self._services.payments.payments, key=request.key, body=body), captured=request.capture
        )
        if request.off_session and outcome.verdict is Verdict.ACTION_REQUIRED:
            decline = DECLINES["authentication_required"]
            return replace(outcome, verdict=Verdict.DECLINED, next_action=None, decline=decline)
        return outcome

    def _completed(self, request: Complete) -> Outcome:
        """Without the action's result there is nothing to hand over: the customer has to act still."""
        given = {name: value for name, value in request.details.items() if name in COMPLETIONS}
        if not given:
            detail = "the customer came back without a result"
            return Outcome(
                verdict=Verdict.ACTION_REQUIRED, provider_reference=request.provider_reference, detail=detail
            )
        body: dict[str, Any] = {"details": given}
        if isinstance(request.details.get("paymentData"), str):
            body["paymentData"] = request.details["paymentData"]
        answer = self._ask(self._services.payments.payments_details, key=request.key, body=body)
        return mapping.payment(answer, captured=request.capture)

    def _captured(self, request: Capture) -> Outcome:
        if not request.final:
            return answers.refused_here("request_refused", "Adyen releases the rest at the first capture")
        body = self._for_us({"amount": mapping.to_adyen(request.amount), "reference": request.reference})
        body |= requests.items(request.lines)
        verb = self._services.modifications.capture_authorised_payment
        return mapping.received(self._ask(verb, request.provider_reference, key=request.key, body=body))

    def _canceled(self, request: Cancel) -> Outcome:
        if not request.provider_reference:
            return self._canceled_by_reference(request.reference, key=request.key)
        verb = self._services.modifications.cancel_authorised_payment_by_psp_reference
        body = self._for_us({"reference": request.reference} if request.reference else {})
        return mapping.received(self._ask(verb, request.provider_reference, key=request.key, body=body))

    def _canceled_by_reference(self, reference: str, *, key: str) -> Outcome:
        body = self._for_us({"paymentReference": reference, "reference": reference})
        return mapping.received(self._ask(self._services.modifications.cancel_authorised_payment, key=key, body=body))

    def _adjusted(self, request: Adjust) -> Outcome:
        body = self._for_us({"amount": mapping.to_adyen(request.amount), "reference": request.reference})
        verb = self._services.modifications.update_authorised_amount
        return mapping.received(self._ask(verb, request.provider_reference, key=request.key, body=body))

    def _reversed(self, request: Reverse) -> Outcome:
        verb, body = self._services.modifications.refund_or_cancel_payment, {"reference": request.reference}
        return mapping.received(self._ask(verb, request.provider_reference, key=request.key, body=self._for_us(body)))

    # --- refunds ---

    def _refunded(self, request: Refund) -> Outcome:
        body = self._for_us(
            {
                "amount": mapping.to_adyen(request.amount),
                "reference": request.reference,
                "merchantRefundReason": REFUND_REASONS.get(request.reason, "OTHER"),
                **requests.items(request.lines),
            }
        )
        verb = self._services.modifications.refund_captured_payment
        taken_on = mapping.received(self._ask(verb, request.provider_reference, key=request.key, body=body))
        return replace(taken_on, provider_reference=taken_on.modification)

    # --- saved methods ---

    def look_up_method(self, payer: str, token: str) -> Outcome:
        """What Adyen keeps under a token, of all that it keeps for this shopper."""

        def found() -> Outcome:
            asked = {"merchantAccount": self._settings.merchant_account, "shopperReference": quote(payer, safe="")}
            verb = self._services.recurring.get_tokens_for_stored_payment_details
            return mapping.kept(verb(query_parameters=asked).message, token)

        return self._answered(found)

    def forget_method(self, payer: str, token: str) -> Outcome:
        """Delete the token. When Adyen refuses, because it is gone, the shopper's others say so."""

        def deleted() -> Outcome:
            asked = {"merchantAccount": self._settings.merchant_account, "shopperReference": quote(payer, safe="")}
            try:
                self._services.recurring.delete_token_for_stored_payment_details(token, query_parameters=asked)
            except mapping.RefusedError as refusal:
                if refusal.verdict is not Verdict.DECLINED:
                    raise
                if self.look_up_method(payer, token).verdict is not Verdict.DECLINED:
                    return mapping.failed(refusal)
            return Outcome(verdict=Verdict.APPROVED)

        return self._answered(deleted)

    # --- evidence ---

    def _found(self, request: AnyRequest, reference: str, *, waits: bool, remembered: bool) -> Outcome:
        """By repeating it with its key, while the customer waits or the key is remembered."""
        match request:
            case Authorize() if waits:
                return self._authorized(request)
            case Complete() if waits:
                return self._completed(request)
            case Authorize():
                return self._given_up(request.reference)
        if isinstance(request, Complete) or not remembered or (isinstance(request, Refund) and reference):
            detail = "only a notification of Adyen can tell"
            return Outcome(verdict=Verdict.UNKNOWN, provider_reference=reference, detail=detail)
        return self._changed_again(request)

    def _changed_again(self, request: Change) -> Outcome:
        match request:
            case Capture():
                return self._captured(request)
            case Cancel():
                return self._canceled(request)
            case Adjust():
                return self._adjusted(request)
            case Reverse():
                return self._reversed(request)
            case Refund():
                return self._refunded(request)
            case SubmitEvidence() | AcceptDispute():
                return defense.again(self._disputes, request)

    def _given_up(self, reference: str) -> Outcome:
        """Nobody waits for this payment any more: cancel what there may be of it, and wait to be told.

        A key of its own each time: an earlier cancel may have come before the payment itself.
        """
        self._canceled_by_reference(reference, key=uuid.uuid4().hex)
        return Outcome(verdict=Verdict.UNKNOWN, detail="canceled by reference; only a notification can tell")
