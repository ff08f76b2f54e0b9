"""Stripe, spoken to through its own SDK over our HTTP client; every answer becomes an outcome."""

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import orjson
import stripe
from moneyed import Money

from payments.connectors import answers, http
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
from payments.connectors.disputes import AcceptDispute, SubmitEvidence
from payments.connectors.stripe import declines, defense, mapping, requests, settling, transport, webhooks
from payments.kernel.errors import invariant

Json = Mapping[str, Any]

KEY_SECONDS: Final = 23 * 3600
"""How long a key surely repeats its first answer: Stripe may forget it once it is 24 hours old."""

PAGE: Final = 100
"""The most objects of a list that Stripe gives at once."""

KEY_LENGTH: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One account at Stripe. `interactive` calls wait 10 s for an answer, others 25 s.

    `base_url` without a trailing slash leads to any server that speaks Stripe; None is Stripe itself. During a
    rotation several `webhook_secrets` count; `livemode` is what every answer and notification must say. `gate` says
    when a request may leave.
    """

    account: str
    api_key: str = field(repr=False)
    publishable_key: str
    webhook_secrets: Sequence[str] = field(repr=False)
    base_url: str | None
    livemode: bool
    interactive: bool
    gate: http.Gate = http.OPEN


class StripeConnector:
    """`payments.connectors.base.Connector` for one account at Stripe."""

    can_be_asked = True
    reverses = False
    acknowledgement = ""
    keeps_events = timedelta(days=30)
    tells_daily = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        client = http.INTERACTIVE if settings.interactive else http.BACKGROUND
        self._client = stripe.StripeClient(
            settings.api_key,
            base_addresses={"api": settings.base_url, "files": settings.base_url} if settings.base_url else {},
            max_network_retries=0,
            http_client=transport.Transport(client, settings.account, settings.gate),
        )
        there = settling.Files(settings.api_key, settings.base_url or settling.FILES, settings.gate)
        self.settling = settling.StripeSettling(self._ask, self._listed, there)

    def authorize(self, request: Authorize) -> Outcome:
        """Create the intent, then confirm it: two requests.

        Until it is confirmed an intent charges nobody, so whatever goes wrong before is proof of no effect.
        """
        return self._answered(lambda: self._authorized(request))

    def complete_action(self, request: Complete) -> Outcome:
        """Stripe finishes by itself once the customer is back: read what became of it."""
        reference = request.provider_reference
        return self._answered(lambda: mapping.payment(self._look(reference)), reference)

    def capture(self, request: Capture) -> Outcome:
        """Take reserved money; Stripe releases the rest, so a capture that is not final is declined here."""
        return self._answered(lambda: self._captured(request), request.provider_reference)

    def cancel(self, request: Cancel) -> Outcome:
        """Void an authorisation or stop a payment that waits; when it was paid meanwhile, say so."""
        return self._answered(lambda: self._canceled(request), request.provider_reference)

    def adjust(self, request: Adjust) -> Outcome:  # noqa: ARG002
        """Stripe holds nothing for longer, and raises (increment_authorization) only what was made to be raised."""
        return answers.refused_here("request_refused", "Stripe holds a reservation no longer than it was made for")

    def reverse(self, request: Reverse) -> Outcome:  # noqa: ARG002
        """What was captured is refunded, what was not is canceled; Stripe says which it is when it is asked."""
        return answers.refused_here("request_refused", "Stripe cancels or refunds: say which")

    def refund(self, request: Refund) -> Outcome:
        """Give money back; `provider_reference` of the outcome is the refund's id."""
        return self._answered(lambda: self._refunded(request))

    def submit_evidence(self, request: SubmitEvidence) -> Outcome:
        """Upload the documents, then submit everything: an answer is seen whole or not at all."""
        return self._answered(lambda: defense.submit(self._ask, request), request.dispute_reference)

    def accept_dispute(self, request: AcceptDispute) -> Outcome:
        """Close the dispute."""
        return self._answered(lambda: defense.accept(self._ask, request), request.dispute_reference)

    def find(
        self, request: AnyRequest, *, provider_reference: str, sent_at: datetime, may_repeat: bool = True
    ) -> Outcome:
        """The evidence about a call whose answer is not known: never a guess, and never a second charge."""
        old = time.time() - sent_at.timestamp() >= KEY_SECONDS

        def evidence() -> Outcome:
            try:
                return self._found(request, provider_reference, again=may_repeat and not old, old=old)
            except http.FailedError as failure:
                asked = mapping.failed(failure, provider_reference=provider_reference)
                return replace(asked, verdict=Verdict.UNKNOWN, decline=None)

        return self._answered(evidence)

    def read_notification(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> Sequence[PspEvent]:
        """Verify a webhook and translate it; Stripe sends one event at a time."""
        webhooks.verify(body, headers, secrets=self._settings.webhook_secrets, now=now)
        return self.translate_notification(body)

    def translate_notification(self, body: bytes) -> Sequence[PspEvent]:
        """Translate a webhook that was verified before."""
        return [webhooks.read(body, livemode=self._settings.livemode)]

    def events_since(self, moment: datetime, until: datetime) -> Iterator[bytes]:
        """GET /v1/events, which speaks the API version of the account, as a webhook speaks that of its endpoint."""
        created = {"gte": int(moment.timestamp()), "lt": int(until.timestamp())}
        return map(orjson.dumps, self._listed(requests.EVENTS, {"types": webhooks.RETOLD, "created": created}))

    def client_options(self) -> Mapping[str, str]:
        """What Stripe.js and the mobile SDKs need."""
        return {"publishable_key": self._settings.publishable_key}

    def cannot_say(self, amount: Money) -> str:
        """Why Stripe has no way to say this amount, in words for people; "" when it has."""
        return mapping.cannot_say(amount)

    def can_say(self, currency: str) -> bool:
        """Whether Stripe takes payments in this currency at all."""
        return currency in mapping.CURRENCIES

    def made(self, token: str) -> bool:
        """Whether a token of a payment method looks like one of Stripe's."""
        return token.startswith(mapping.TOKENS)

    # --- asking ---

    def _answered(self, ask: Callable[[], Outcome], reference: str = "") -> Outcome:
        """What `ask` learns, or what its failure proves."""
        return answers.learned(ask, lambda failure: mapping.failed(failure, provider_reference=reference))

    def _ask(self, verb: requests.Verb, *ids: str, key: str = "", params: Json | None = None) -> dict[str, Any]:
        """One request; its JSON object, when it is of our environment. Raises `http.FailedError`.

        The SDK's objects are passed by: making them costs more than the rest of the request.
        """
        invariant(len(key) <= KEY_LENGTH, "an idempotency key has at most 255 characters at Stripe")
        options = {"idempotency_key": key} if key else {}
        method, path = verb
        self._settings.gate.enter(f"{method} {path}")
        answer: Any = self._client.raw_request(
            method, path.format(*map(quote, ids)), **dict(params or {}), **options
        ).data
        if answer.get("livemode", self._settings.livemode) is not self._settings.livemode:
            raise mapping.UnreadableError("the answer is of the other environment (livemode)")
        return dict(answer)

    def _look(self, intent_id: str) -> dict[str, Any]:
        """The intent as it is. A question that fails leaves everything open, whatever the reason."""
        try:
            return self._ask(requests.RETRIEVE, intent_id, params=mapping.WITH_CARD)
        except http.FailedError as failure:
            raise http.AmbiguousError(f"the payment cannot be read: {failure}") from failure

    def _listed(self, verb: requests.Verb, params: Json) -> Iterator[Json]:
        """The objects of a list, page by page."""
        page: dict[str, Any] = {**params, "limit": PAGE}
        while True:
            answer = self._ask(verb, params=page)
            rows = mapping.rows(answer)
            yield from rows
            if not rows or answer.get("has_more") is not True:
                return
            page["starting_after"] = mapping.text(rows[-1], "id")

    # --- payments ---

    def _authorized(self, request: Authorize) -> Outcome:
        try:
            intent_id = self._created(request)
        except http.FailedError as failure:
            outcome = mapping.failed(failure)
            return outcome if outcome.decline else replace(outcome, verdict=Verdict.UNAVAILABLE)
        params = requests.confirmation(request)
        key = f"{request.key}-confirm"
        try:
            return self._changed(requests.CONFIRM, intent_id, key=key, params=params, settled=mapping.was_confirmed)
        except http.FailedError as failure:
            return mapping.failed(failure, provider_reference=intent_id)

    def _created(self, request: Authorize) -> str:
        """The id of the unconfirmed intent of this key: made, or found when it was made before."""
        params = requests.creation(request, self._payer(request))
        intent = self._ask(requests.CREATE, key=f"{request.key}-create", params=params)
        if any(intent.get(name) != params[name] for name in ("amount", "currency")):
            raise mapping.UnreadableError("the intent was created with another amount")
        return mapping.text(intent, "id")

    def _payer(self, request: Authorize) -> str:
        """Stripe's customer for whom a method is or was saved: the one that is known, else made.

        It bears our id and nothing of a person. The key is the customer's own: who make it at once make one.
        """
        shopper = request.shopper
        if shopper.payer or not request.save or not shopper.reference:
            return shopper.payer
        params = {"metadata": {"customer": shopper.reference}}
        return mapping.text(self._ask(requests.CUSTOMER, key=f"{shopper.reference}-customer", params=params), "id")

    def _captured(self, request: Capture) -> Outcome:
        if not request.final:
            return answers.refused_here("request_refused", "Stripe releases the rest at the first capture")
        params = {"amount_to_capture": mapping.to_stripe(request.amount)}
        key, reference = f"{request.key}-capture", request.provider_reference
        return self._changed(requests.CAPTURE, reference, key=key, params=params, settled=mapping.has_ended)

    def _canceled(self, request: Cancel) -> Outcome:
        params, key, reference = requests.cancel(request), f"{request.key}-cancel", request.provider_reference
        return self._changed(requests.CANCEL, reference, key=key, params=params, settled=mapping.has_ended)

    def _changed(
        self, verb: requests.Verb, intent_id: str, *, key: str, params: Json, settled: Callable[[Outcome], bool]
    ) -> Outcome:
        """Ask for a change. When Stripe refuses it because the intent is elsewhere already, the intent says where."""
        try:
            return mapping.payment(self._ask(verb, intent_id, key=key, params={**params, **mapping.WITH_CARD}))
        except mapping.RefusedError as refusal:
            if refusal.verdict is not Verdict.DECLINED:
                raise
            declined = mapping.failed(refusal, provider_reference=intent_id)
            if refusal.status == 402:
                return declined
        now = mapping.payment(self._look(intent_id))
        return now if settled(now) else declined

    # --- refunds ---

    def _refunded(self, request: Refund) -> Outcome:
        try:
            return mapping.refund(
                self._ask(requests.REFUND, key=f"{request.key}-refund", params=requests.refund(request))
            )
        except mapping.RefusedError as refusal:
            if refusal.verdict is not Verdict.DECLINED:
                raise
            because = declines.refund_decline(refusal.error.get("code"))
            return self._refund_made(request) or mapping.failed(refusal, because=because)

    def _refund_made(self, request: Refund) -> Outcome | None:
        """The refund that carries our id, among all of its payment."""
        try:
            for row in self._listed(requests.REFUNDS, {"payment_intent": request.provider_reference}):
                if mapping.reference(row, "refund") == request.reference:
                    return mapping.refund(row)
        except http.FailedError as failure:
            raise http.AmbiguousError(f"the refunds cannot be read: {failure}") from failure
        return None

    # --- saved methods ---

    def look_up_method(self, payer: str, token: str) -> Outcome:  # noqa: ARG002  Stripe's ids are enough
        """What Stripe keeps under a token; one that is attached to nobody it keeps for nobody."""
        return self._answered(lambda: mapping.kept(self._ask(requests.METHOD, token)))

    def forget_method(self, payer: str, token: str) -> Outcome:  # noqa: ARG002
        """Detach it. When Stripe refuses, because it was detached before, the method itself says so."""

        def detached() -> Outcome:
            try:
                kept = mapping.kept(self._ask(requests.DETACH, token, key=uuid.uuid4().hex))
            except mapping.RefusedError as refusal:
                if refusal.verdict is not Verdict.DECLINED:
                    raise
                kept = (
                    mapping.kept(self._ask(requests.METHOD, token))
                    if refusal.status != 404
                    else mapping.failed(refusal)
                )
            return mapping.forgotten(kept)

        return self._answered(detached)

    # --- evidence ---

    def _found(self, request: AnyRequest, reference: str, *, again: bool, old: bool) -> Outcome:
        match request:
            case Authorize():
                return self._payment_found(request, reference, again=again)
            case Complete():
                return mapping.payment(self._look(request.provider_reference))
            case Capture() | Cancel():
                trace = partial(self._end_of, request.provider_reference)
                return requests.repeated(partial(self._ended, request), trace, again=again, old=old)
            case Adjust() | Reverse():
                return self.adjust(request) if isinstance(request, Adjust) else self.reverse(request)
            case Refund() if reference:
                return mapping.refund(self._ask(requests.RETRIEVE_REFUND, reference))
            case Refund():
                trace = partial(self._refund_made, request)
                return requests.repeated(partial(self._refunded, request), trace, again=again, old=old)
            case SubmitEvidence() | AcceptDispute():
                return requests.repeated(*defense.recovery(self._ask, request), again=again, old=old)

    def _ended(self, request: Capture | Cancel) -> Outcome:
        return self._captured(request) if isinstance(request, Capture) else self._canceled(request)

    def _end_of(self, intent_id: str) -> Outcome | None:
        now = mapping.payment(self._look(intent_id))
        return now if mapping.has_ended(now) else None

    def _payment_found(self, request: Authorize, reference: str, *, again: bool) -> Outcome:
        """By its known id, else by creating it again with its key (that charges nobody), else by search."""
        if reference:
            return self._concluded(reference)
        if again:
            try:
                return self._concluded(self._created(request))
            except mapping.RefusedError as refusal:
                if refusal.verdict is Verdict.DECLINED or refusal.is_old_failure:
                    outcome = mapping.failed(refusal)  # the first answer was this: there was nothing to confirm
                    return outcome if outcome.decline else replace(outcome, verdict=Verdict.UNAVAILABLE)
                if refusal.status < 500:
                    raise
        return self._searched(request)

    def _searched(self, request: Authorize) -> Outcome:
        """By our id in the metadata. The index lags behind, so that finding nothing proves nothing."""
        query = f"metadata['attempt']:'{request.reference}'"
        found = mapping.rows(self._ask(requests.SEARCH, params={"query": query, "limit": 10}))
        ids = [mapping.text(row, "id") for row in found if mapping.reference(row, "attempt") == request.reference]
        if len(ids) != 1:
            return Outcome(verdict=Verdict.UNKNOWN, detail=f"{len(ids)} payment intents carry the attempt's id")
        return self._concluded(ids[0])

    def _concluded(self, intent_id: str) -> Outcome:
        """What became of an intent. One that was never confirmed is canceled: proof that nothing will happen."""
        intent = self._look(intent_id)
        waits = intent.get("status") in {"requires_confirmation", "requires_payment_method"}
        if waits and not intent.get("last_payment_error"):
            intent = self._abandoned(intent_id)
        found = mapping.payment(intent)
        if found.verdict is Verdict.CANCELED and not found.raw["latest_charge"]:
            return replace(found, verdict=Verdict.UNAVAILABLE, detail="canceled before anything was charged")
        return found

    def _abandoned(self, intent_id: str) -> dict[str, Any]:
        """The intent after our cancel, or after whatever was faster than it."""
        try:
            # A key of its own each time: a stored error must not stand in the way of the next look.
            return self._ask(requests.CANCEL, intent_id, key=uuid.uuid4().hex, params=requests.ABANDONED)
        except http.FailedError:
            return self._look(intent_id)
