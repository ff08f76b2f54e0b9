"""Cowrie's connector: what CONTRIBUTING asks for a PSP, as small as it can be."""

import hmac
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from moneyed import Money

from payments.connectors import answers, http
from payments.connectors.base import (
    Adjust,
    AnyRequest,
    Authorize,
    Cancel,
    Capture,
    Complete,
    EventKind,
    NotificationRefused,
    Outcome,
    PspEvent,
    Refund,
    Reverse,
    SavedMethod,
    Verdict,
)
from payments.connectors.declines import DECLINES
from payments.connectors.disputes import AcceptDispute, SubmitEvidence
from payments.kernel import money

Json = Mapping[str, Any]

CURRENCIES: Final = frozenset({"EUR", "USD"})
KEY_SECONDS: Final = 3600
REFUSALS: Final = {
    "no_pearls": "insufficient_funds",
    "cracked": "processing_error",
    "stolen": "lost_or_stolen_card",
    "worn": "expired_card",
    "no_such_shell": "payment_method_invalid",
    "ask_first": "authentication_required",
    "not_confirmed": "authentication_failed",
    "too_much": "amount_not_supported",
    "more_than_taken": "refund_exceeds_payment",
}
"""Its refusals, in our words."""


class RefusedError(http.FailedError):
    """The server has said no, and has done nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One account at Cowrie."""

    base_url: str
    secret: bytes


class CowrieConnector:
    """`payments.connectors.base.Connector` for one account at Cowrie."""

    can_be_asked = True
    reverses = True
    acknowledgement = ""
    keeps_events = timedelta(0)
    tells_daily = False
    settling = None

    def __init__(self, settings: Settings) -> None:
        self._settings, self._client = settings, http.INTERACTIVE

    # --- money ---

    def authorize(self, request: Authorize) -> Outcome:
        """POST /payments."""
        asked = {
            "reference": request.reference,
            **_amount(request.amount),
            "capture": request.capture,
            "token": request.saved_token or request.token,
            "save_for": request.shopper.reference if request.save else "",
            "off_session": request.off_session,
            "return_url": request.return_url,
        }
        return self._answered(lambda: self._paid(self._post("/payments", asked, request.key)))

    def complete_action(self, request: Complete) -> Outcome:
        """It finishes by itself once the customer has answered."""
        return self._answered(lambda: self._paid(self._known(id=request.provider_reference)))

    def capture(self, request: Capture) -> Outcome:
        """The first capture releases the rest."""
        if not request.final:
            return answers.refused_here("request_refused", "Cowrie releases the rest at the first capture")
        return self._changed("capture", request.provider_reference, _amount(request.amount), request.key)

    def cancel(self, request: Cancel) -> Outcome:
        """Also of what waits for its customer."""
        return self._changed("cancel", request.provider_reference, {}, request.key)

    def adjust(self, request: Adjust) -> Outcome:
        """POST /payments/{id}/adjust: what is reserved since."""
        asked = {**_amount(request.amount), "key": request.key}
        return self._changed("adjust", request.provider_reference, asked, request.key)

    def reverse(self, request: Reverse) -> Outcome:
        """POST /payments/{id}/reverse: canceled, or given back."""
        asked, path = {"reference": request.key}, f"/payments/{request.provider_reference}/reverse"
        return self._answered(lambda: self._undone(self._post(path, asked, request.key)), request.provider_reference)

    def _undone(self, row: Json) -> Outcome:
        if row["status"] == "gone":
            return self._paid(row)
        made = _refund(row["refunds"][-1])
        said = {"provider_reference": row["id"], "modification": made.provider_reference, "captured": True}
        return replace(made, **said)

    def refund(self, request: Refund) -> Outcome:
        """POST /payments/{id}/refund."""
        asked = {**_amount(request.amount), "reference": request.reference}
        path = f"/payments/{request.provider_reference}/refund"
        return self._answered(lambda: _refund(self._post(path, asked, request.key)))

    def find(
        self, request: AnyRequest, *, provider_reference: str, sent_at: datetime, may_repeat: bool = True
    ) -> Outcome:
        """Look first; what left no trace is asked again while its key is known, and else never happened."""
        asked = self._answered(lambda: self._traced(request))
        if asked.verdict in (Verdict.UNAVAILABLE, Verdict.UNKNOWN):
            return replace(asked, verdict=Verdict.UNKNOWN)
        if asked.verdict is not Verdict.PENDING or asked.provider_reference:
            return asked
        if time.time() - sent_at.timestamp() >= KEY_SECONDS:
            return Outcome(verdict=Verdict.UNAVAILABLE, detail="Cowrie knows nothing of it")
        if not may_repeat:
            return Outcome(verdict=Verdict.UNKNOWN, detail="it may be under way")
        again = self._again(request)
        return replace(again, verdict=Verdict.UNKNOWN) if again.verdict is Verdict.UNAVAILABLE else again

    def _again(self, request: AnyRequest) -> Outcome:
        verbs: dict[type, Callable[[Any], Outcome]] = {
            Authorize: self.authorize, Complete: self.complete_action, Capture: self.capture, Cancel: self.cancel,
            Adjust: self.adjust, Reverse: self.reverse, Refund: self.refund, SubmitEvidence: self.submit_evidence,
            AcceptDispute: self.accept_dispute,
        }  # fmt: skip
        return verbs[type(request)](request)

    def _traced(self, request: AnyRequest) -> Outcome:
        """What is there of a request; PENDING without a reference when there is no trace."""
        nothing = Outcome(verdict=Verdict.PENDING)
        if isinstance(request, Authorize):
            found = self._rows(reference=request.reference)
            return self._paid(found[0]) if found else nothing
        payment = self._known(id=request.provider_reference)
        if isinstance(request, Refund):
            made = [row for row in payment["refunds"] if row["reference"] == request.reference]
            return _refund(made[0]) if made else nothing
        if isinstance(request, Reverse):
            made = [row for row in payment["refunds"] if row["reference"] == request.key]
            return self._undone(payment) if made or payment["status"] == "gone" else nothing
        if isinstance(request, Adjust) and request.key in payment["adjusted"]:
            return self._paid(payment)
        return self._paid(payment) if payment["status"] in ("taken", "gone") else nothing

    # --- disputes: there are none, shells are handed over ---

    def submit_evidence(self, request: SubmitEvidence) -> Outcome:
        """It knows no disputes."""
        return answers.refused_here("dispute_closed", "Cowrie has no disputes")

    def accept_dispute(self, request: AcceptDispute) -> Outcome:
        """It knows no disputes."""
        return answers.refused_here("dispute_closed", "Cowrie has no disputes")

    # --- saved methods ---

    def look_up_method(self, payer: str, token: str) -> Outcome:
        """GET /kept: of this shopper alone."""

        def kept() -> Outcome:
            found = self._rows("/kept", token=token, shopper=payer)
            if not found:
                return Outcome(verdict=Verdict.DECLINED, decline=DECLINES["payment_method_invalid"])
            return Outcome(verdict=Verdict.APPROVED, saved=_saved(found[0]))

        return self._answered(kept)

    def forget_method(self, payer: str, token: str) -> Outcome:
        """POST /kept/{token}/forget, which may be said twice."""

        def forgotten() -> Outcome:
            self._post(f"/kept/{token}/forget", {}, "")
            return Outcome(verdict=Verdict.APPROVED)

        return self._answered(forgotten)

    # --- notifications ---

    def read_notification(self, body: bytes, headers: Mapping[str, str], *, now: datetime) -> Sequence[PspEvent]:
        """The whole body is signed."""
        signed = hmac.new(self._settings.secret, body, "sha256").hexdigest()
        if not hmac.compare_digest(signed, headers.get("Cowrie-Signature", "")):
            raise NotificationRefused("no signature of this account's secret")
        return self.translate_notification(body)

    def translate_notification(self, body: bytes) -> Sequence[PspEvent]:
        """One payment at a time, as it is now."""
        said = orjson.loads(body)
        row = said["payment"]
        about = {"reference": row["reference"], "provider_reference": row["id"], "outcome": self._paid(row)}
        at = datetime.fromtimestamp(said["at"], UTC)
        return [PspEvent(kind=EventKind.PAYMENT_UPDATED, event_key=said["id"], type="payment", occurred_at=at, **about)]

    def events_since(self, moment: datetime, until: datetime) -> Iterator[bytes]:
        """It keeps no list of them."""
        return iter(())

    # --- what needs no server ---

    def client_options(self) -> Mapping[str, str]:
        """What the client's fields need."""
        return {"beach": "test"}

    def cannot_say(self, amount: Money) -> str:
        """Any amount in its currencies."""
        return "" if self.can_say(str(amount.currency)) else f"Cowrie takes no {amount.currency}"

    def can_say(self, currency: str) -> bool:
        """Two currencies."""
        return currency in CURRENCIES

    def made(self, token: str) -> bool:
        """By their beginning."""
        return token.startswith("shell_")

    # --- asking ---

    def _answered(self, ask: Callable[[], Outcome], reference: str = "") -> Outcome:
        return answers.learned(ask, lambda failure: _failed(failure, reference))

    def _changed(self, verb: str, payment: str, asked: Json, key: str) -> Outcome:
        """A capture or a cancel; when the payment is elsewhere already, it says where."""

        def change() -> Outcome:
            try:
                return self._paid(self._post(f"/payments/{payment}/{verb}", asked, key))
            except RefusedError as refusal:
                now = self._known(id=payment)
                if str(refusal) in REFUSALS or now["status"] not in ("taken", "gone"):
                    raise
                return self._paid(now)

        return self._answered(change, payment)

    def _post(self, path: str, asked: Json, key: str) -> dict[str, Any]:
        return self._content("POST", path, {"Cowrie-Key": key}, orjson.dumps(asked))

    def _rows(self, path: str = "/payments", **wanted: str) -> list[Any]:
        return list(self._content("GET", f"{path}?{urllib.parse.urlencode(wanted)}", {})["found"])

    def _known(self, **wanted: str) -> Json:
        found: Json = self._rows(**wanted)[0]
        return found

    def _content(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> dict[str, Any]:
        answer = self._client.send(method, f"{self._settings.base_url}{path}", headers, body)
        said = answers.content(answer)
        if answer.status == 429:
            raise http.UnsentError("Cowrie was asked too much")
        if answer.status == 402:
            raise RefusedError(said["error"])
        if answer.status != 200 or not said:
            raise http.AmbiguousError(f"HTTP {answer.status} from Cowrie")
        return said

    def _paid(self, row: Json) -> Outcome:
        seen = Outcome(verdict=Verdict.APPROVED, provider_reference=row["id"], amount=_money(row, row["amount"]))
        if row.get("kept"):
            seen = replace(seen, saved=_saved(row["kept"]))
        match row["status"]:
            case "taken":
                return replace(seen, captured=True, amount=_money(row, row["captured"]))
            case "reserved":
                return seen
            case "asked":
                page = {"type": "redirect", "url": f"{self._settings.base_url}/payments/{row['id']}/answer"}
                return replace(seen, verdict=Verdict.ACTION_REQUIRED, next_action=page)
            case "gone":
                return replace(seen, verdict=Verdict.CANCELED)
            case _:
                decline, raw = DECLINES[REFUSALS[row["refusal"]]], {"code": row["refusal"]}
                return replace(seen, verdict=Verdict.DECLINED, decline=decline, raw=raw)


def _amount(amount: Money) -> dict[str, Any]:
    return {"amount": money.to_minor(amount), "currency": str(amount.currency)}


def _money(row: Json, minor: int) -> Money:
    return money.from_minor(minor, row["currency"])


def _saved(row: Json) -> SavedMethod:
    return SavedMethod(
        token=row["token"], brand=row["brand"], last4=row["last4"], exp_month=row["month"], exp_year=row["year"]
    )


def _refund(row: Json) -> Outcome:
    seen = Outcome(verdict=Verdict.APPROVED, provider_reference=row["id"], amount=_money(row, row["amount"]))
    if row["status"] == "back":
        return replace(seen, verdict=Verdict.DECLINED, decline=DECLINES["refund_method_closed"])
    return seen if row["status"] == "done" else replace(seen, verdict=Verdict.PENDING)


def _failed(failure: http.FailedError, reference: str) -> Outcome:
    """What a failure proves."""
    if isinstance(failure, RefusedError):
        decline = DECLINES[REFUSALS.get(str(failure), "request_refused")]
        raw = {"code": str(failure)}
        return Outcome(verdict=Verdict.DECLINED, provider_reference=reference, decline=decline, raw=raw)
    unsent = isinstance(failure, http.UnsentError)
    verdict = Verdict.UNAVAILABLE if unsent else Verdict.UNKNOWN
    return Outcome(verdict=verdict, provider_reference=reference, detail=str(failure))
