"""Adyen's notifications: who may speak, and what is understood."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from Adyen import util
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from payments.connectors.adyen import webhooks
from payments.connectors.base import EventKind, NotificationRefused, PspEvent, SavedMethod, Verdict
from payments.connectors.declines import DECLINES
from payments.kernel.errors import Bug
from tests.connectors.letters import AT, KEY, MERCHANT, OLD_KEY, Item, account, item, signed, told

SPECS: Final = Path(__file__).resolve().parents[3] / "shared/reference/specs"
# The published vector, and its signature as every SDK of Adyen computes it.
VECTOR: Final = {
    "pspReference": "7914073381342284",
    "merchantAccountCode": MERCHANT,
    "merchantReference": "TestPayment-1407325143704",
    "amount": {"value": 1130, "currency": "EUR"},
    "eventCode": "AUTHORISATION",
    "eventDate": "2014-08-06T17:15:34.121+02:00",
    "success": "true",
}
SIGNATURE: Final = "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="


def heard(about: Item) -> PspEvent:
    """What a signed item says."""
    [only] = account().read_notification(told(signed(about)), {}, now=AT)
    return only


# --- who may speak ---


def test_the_known_vector_is_accepted_and_adyens_sdk_agrees() -> None:
    body = told({**VECTOR, "additionalData": {"hmacSignature": SIGNATURE}})
    [event] = account().read_notification(body, {}, now=AT)

    assert util.generate_notification_sig(VECTOR, KEY).decode() == SIGNATURE
    assert event.event_key == "AUTHORISATION:7914073381342284:true"


@given(
    reference=st.text(max_size=40).filter(lambda text: "\x00" not in text),
    original=st.none() | st.text("ABC\\", max_size=8),
    value=st.integers(0, 10**9),
)
def test_what_adyens_own_helper_signs_is_accepted_and_one_changed_field_is_not(
    reference: str, original: str | None, value: int
) -> None:
    about = item("REFUND", merchantReference=reference, originalReference=original)
    about["amount"] = {"value": value, "currency": "EUR"}
    genuine = signed(about)
    assert account().read_notification(told(genuine), {}, now=AT)
    for name, other in (
        ("pspReference", "MOD2"),
        ("success", "false"),
        ("amount", {"value": value + 1, "currency": "EUR"}),
    ):
        with pytest.raises(NotificationRefused):
            account().read_notification(told({**genuine, name: other}), {}, now=AT)


def test_one_genuine_item_vouches_for_no_other() -> None:
    genuine = signed(item("REFUND"))
    forged = {**genuine, "pspReference": "MOD2"}
    body = told(genuine, forged)

    assert util.is_valid_hmac_notification(json.loads(body), KEY), "the SDK's helper looks at the first item only"
    for order in ((genuine, forged), (forged, genuine)):
        with pytest.raises(NotificationRefused, match="no signature"):
            account().read_notification(told(*order), {}, now=AT)
    both = account().read_notification(told(genuine, signed(item("CAPTURE"))), {}, now=AT)
    assert [event.type for event in both] == ["REFUND", "CAPTURE"]


def test_during_a_rotation_either_key_will_do() -> None:
    both = account(KEY, OLD_KEY)
    for key in (KEY, OLD_KEY):
        assert both.read_notification(told(signed(item("REFUND"), key)), {}, now=AT)
    with pytest.raises(NotificationRefused):
        account().read_notification(told(signed(item("REFUND"), OLD_KEY)), {}, now=AT)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"additionalData": None},
        {"additionalData": {}},
        {"additionalData": {"hmacSignature": ""}},
        {"additionalData": {"hmacSignature": 5}},
        {"additionalData": {"hmacSignature": "é"}},
        {"additionalData": {"hmacSignature": SIGNATURE}},
        {"success": True},
        {"success": 1},
        {"amount": {"value": "3000", "currency": "EUR"}},
        {"amount": None},
        {"pspReference": ""},
        {"pspReference": ["MOD1"]},
        {"pspReference": "MOD1:PSP1"},
        {"eventCode": None},
    ],
    ids=str,
)
def test_what_is_not_signed_is_refused(spoilt: Item) -> None:
    with pytest.raises(NotificationRefused):
        account().read_notification(told({**signed(item("REFUND")), **spoilt}), {}, now=AT)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"no json", b"[]", b"{}", b'{"live":"false","notificationItems":[]}',
        b'{"live":"false","notificationItems":5}', b'{"live":"false","notificationItems":[5]}',
        b'{"live":"false","notificationItems":[{}]}',
    ],
)  # fmt: skip
def test_what_is_no_notification_is_refused(body: bytes) -> None:
    with pytest.raises(NotificationRefused):
        account().read_notification(body, {}, now=AT)


@pytest.mark.parametrize(("live", "livemode"), [("true", False), ("false", True), (False, False), (None, False)])
def test_the_other_environment_is_refused(live: Any, livemode: bool) -> None:  # noqa: FBT001
    body = told(signed(item("REFUND")), live=live)
    with pytest.raises(NotificationRefused, match="environment"):
        account(livemode=livemode).read_notification(body, {}, now=AT)


def test_another_merchant_account_is_refused() -> None:
    body = told(signed(item("REFUND")))
    with pytest.raises(NotificationRefused, match="another merchant account"):
        account(merchant="Other").read_notification(body, {}, now=AT)


def test_a_key_that_is_not_hexadecimal_is_our_bug() -> None:
    with pytest.raises(Bug):
        account("whsec_not_hex")


def test_keys_are_not_shown() -> None:
    shown = repr(account()._origin) + repr(account()._settings)
    assert KEY not in shown
    assert "AQE_unused" not in shown


# --- kinds without items ---

TOKEN_BODY: Final = b'{"type":"merchant.created"}'
TOKEN_SIGNATURE: Final = "KdOciJs4dQ/UHU3dgJ0uz0hM4kw4a2Tv7DI4BJGTjGc="


def test_the_signature_in_a_header_is_over_the_whole_body() -> None:
    origin = webhooks.Origin(merchant_account=MERCHANT, keys=webhooks.keys([KEY]), livemode=False)
    webhooks._require_signature(TOKEN_BODY, TOKEN_SIGNATURE, origin.keys)
    with pytest.raises(NotificationRefused):
        webhooks._require_signature(TOKEN_BODY + b" ", TOKEN_SIGNATURE, origin.keys)


def test_a_token_is_kept_and_counted() -> None:
    body = b'{"type":"recurring.token.created","eventId":"E1","environment":"test","createdAt":"2026-11-25T01:00:00Z"}'
    header = {"HmacSignature": util.generate_payload_sig(body, KEY).decode()}
    [event] = account().read_notification(body, header, now=AT)

    assert (event.kind, event.event_key) == (EventKind.UNUSED, "recurring.token.created:E1")
    for headers, said in (({}, body), (header, body.replace(b"E1", b"E2")), (header, body.replace(b"test", b"live"))):
        with pytest.raises(NotificationRefused):
            account().read_notification(said, headers, now=AT)


@pytest.mark.parametrize(("kind", "gone"), [("updated", False), ("disabled", True)])
def test_news_of_a_token_is_signed_as_a_whole(kind: str, gone: bool) -> None:  # noqa: FBT001
    def heard_of(merchant: str) -> PspEvent:
        data = {"merchantAccount": merchant, "storedPaymentMethodId": "M5N7TQ4TG5PFWR50", "shopperReference": "cus_1"}
        said = {"type": f"recurring.token.{kind}", "eventId": "E1", "environment": "test", "data": data}
        body = json.dumps({**said, "createdAt": "2026-11-25T01:00:00Z"}).encode()
        header = {"HmacSignature": util.generate_payload_sig(body, KEY).decode()}
        [event] = account().read_notification(body, header, now=AT)
        return event

    event = heard_of(MERCHANT)
    assert (event.kind, event.gone) == (EventKind.METHOD_UPDATED, gone)
    assert event.saved == SavedMethod(token="M5N7TQ4TG5PFWR50")
    assert heard_of("Somebody").kind is EventKind.UNUSED


# --- what is understood ---


def test_an_authorisation_is_done_as_it_was_asked() -> None:
    event = heard(item("AUTHORISATION", pspReference="PSP1", originalReference=None, reason="123456:1111:03/2030"))

    assert (event.kind, event.reference, event.provider_reference) == (EventKind.PAYMENT_UPDATED, "ours", "PSP1")
    assert event.occurred_at == datetime(2026, 11, 25, tzinfo=UTC)
    outcome = event.outcome
    assert outcome is not None
    assert (outcome.verdict, outcome.captured, outcome.amount) == (Verdict.APPROVED, None, Money("30.00", "EUR"))
    assert "1111" not in str(outcome.raw), "the reason holds the card's digits"


@pytest.mark.parametrize(
    ("reason", "word"), [("Not enough balance", "insufficient_funds"), ("whatever", "generic_decline")]
)
def test_an_authorisation_that_failed_says_why(reason: str, word: str) -> None:
    outcome = heard(item("AUTHORISATION", success="false", reason=reason)).outcome
    assert outcome is not None
    assert (outcome.verdict, outcome.decline, outcome.raw["reason"]) == (Verdict.DECLINED, DECLINES[word], reason)


@pytest.mark.parametrize(
    ("code", "success", "verdict", "captured"),
    [
        ("CAPTURE", "true", Verdict.APPROVED, True),
        ("CAPTURE", "false", Verdict.DECLINED, False),
        ("CAPTURE_FAILED", "true", Verdict.DECLINED, True),
    ],
)
def test_what_came_of_a_capture(code: str, success: str, verdict: Verdict, captured: bool) -> None:  # noqa: FBT001
    event = heard(item(code, success=success))
    outcome = event.outcome

    assert (event.kind, event.provider_reference, event.modification_reference) == (
        EventKind.CAPTURE_UPDATED,
        "PSP1",
        "MOD1",
    )
    assert outcome is not None
    assert (outcome.verdict, outcome.captured, outcome.amount) == (verdict, captured, Money("30.00", "EUR"))


@pytest.mark.parametrize(
    ("code", "success", "verdict", "word"),
    [
        ("REFUND", "true", Verdict.APPROVED, ""),
        ("REFUND", "false", Verdict.DECLINED, "refund_declined"),
        ("REFUND_FAILED", "true", Verdict.DECLINED, "refund_method_closed"),
        ("REFUNDED_REVERSED", "true", Verdict.DECLINED, "refund_method_closed"),
        ("REFUND_WITH_DATA", "true", Verdict.APPROVED, ""),
        ("POSTPONED_REFUND", "true", Verdict.PENDING, ""),
        ("POSTPONED_REFUND", "false", Verdict.DECLINED, "refund_declined"),
    ],
)
def test_what_came_of_a_refund(code: str, success: str, verdict: Verdict, word: str) -> None:
    event = heard(item(code, success=success))
    outcome = event.outcome

    assert (event.kind, event.reference) == (EventKind.REFUND_UPDATED, "ours")
    assert (event.provider_reference, event.modification_reference) == ("PSP1", "MOD1")
    assert outcome is not None
    assert (outcome.verdict, outcome.provider_reference) == (verdict, "MOD1")
    assert outcome.decline == (DECLINES[word] if word else None)


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ({}, ""),
        ({"arn": "74537604221222132710572"}, "74537604221222132710572"),
        ({"arn": "7" * 41}, ""),
        ({"arn": "call +31 20 240 12 40"}, ""),
        ({"arn": 7}, ""),
    ],
)
def test_the_number_by_which_a_bank_finds_a_refund(told: dict[str, object], kept: str) -> None:
    outcome = heard(item("REFUND", additionalData=told)).outcome
    assert outcome is not None
    assert outcome.acquirer_reference == kept


@pytest.mark.parametrize("code", ["CANCELLATION", "TECHNICAL_CANCEL"])
def test_what_came_of_a_cancel(code: str) -> None:
    done, refused = heard(item(code)), heard(item(code, success="false", originalReference=None))

    assert (done.kind, done.provider_reference) == (EventKind.CANCEL_UPDATED, "PSP1")
    assert done.outcome is not None
    assert done.outcome.verdict is Verdict.CANCELED
    assert refused.outcome is not None
    assert (refused.outcome.verdict, refused.outcome.provider_reference, refused.reference) == (
        Verdict.DECLINED,
        "",
        "ours",
    )


def test_an_authorisation_that_ran_out_is_canceled_and_an_offer_that_did_is_declined() -> None:
    expired = heard(item("EXPIRE", pspReference="PSP1", originalReference=None)).outcome
    closed = heard(item("OFFER_CLOSED", pspReference="PSP1", originalReference=None)).outcome

    assert expired is not None
    assert expired.verdict is Verdict.CANCELED
    assert closed is not None
    assert (closed.verdict, closed.decline) == (Verdict.DECLINED, DECLINES["payment_expired"])


@pytest.mark.parametrize(
    ("about", "problem"),
    [
        (item("CANCEL_OR_REFUND", additionalData={"modification.action": "divert"}), "not said"),
        (item("REFUND", success="maybe"), "success"),
        (item("REFUND_FAILED", success="false"), "no success false"),
        (item("CAPTURE_FAILED", success="false"), "no success false"),
        (item("REFUND", amount={"value": 5, "currency": "XXY"}), "currency"),
    ],
    ids=lambda part: part["eventCode"] if isinstance(part, dict) else part,
)
def test_what_cannot_be_understood_says_so(about: Item, problem: str) -> None:
    event = heard(about)
    assert problem in event.problem
    assert event.outcome is None


@pytest.mark.parametrize("code", ["MANUAL_REVIEW_ACCEPT", "REPORT_AVAILABLE", "ORDER_CLOSED", "A_CODE_OF_NEXT_YEAR"])
def test_what_nothing_acts_on_is_kept_and_counted(code: str) -> None:
    event = heard(item(code))
    assert (event.kind, event.type, event.outcome, event.problem) == (EventKind.UNUSED, code, None, "")


@pytest.mark.parametrize("date", [None, "yesterday", 5])
def test_a_date_that_is_none_is_no_reason_to_refuse_what_is_signed(date: object) -> None:
    assert heard(item("REFUND", eventDate=date)).occurred_at == datetime.fromtimestamp(0, UTC)


def test_reading_it_again_later_tells_the_same() -> None:
    body = told(signed(item("REFUND")), signed(item("CAPTURE")))
    assert account().translate_notification(body) == account().read_notification(body, {}, now=AT)


def test_the_key_tells_success_from_failure_and_a_repetition_from_both() -> None:
    keys = [heard(item("AUTHORISATION", success=success)).event_key for success in ("true", "false", "true")]
    assert keys == ["AUTHORISATION:MOD1:true", "AUTHORISATION:MOD1:false", "AUTHORISATION:MOD1:true"]
