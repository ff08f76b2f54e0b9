"""Adyen's numbers and words against its own lists, and every amount there and back."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from payments.connectors.adyen import mapping
from payments.connectors.base import SavedMethod, Verdict
from payments.connectors.declines import DECLINES
from payments.kernel import money

CURRENCIES = sorted(money.EXPONENTS)


# --- amounts ---


@pytest.mark.parametrize(
    ("amount", "currency", "value"),
    [
        ("19.99", "EUR", 1999),
        ("500", "JPY", 500),
        ("5", "CLP", 500),  # no decimals in ISO 4217, two at Adyen
        ("5", "ISK", 500),
        ("7000", "UGX", 7000),
        ("150000.00", "IDR", 150000),  # two decimals in ISO 4217, none at Adyen
        ("20.00", "CVE", 20),
        ("2.50", "MGA", 250),
        ("1.234", "KWD", 1234),
        ("175", "HUF", 17500),
    ],
)
def test_amounts_as_adyen_writes_them(amount: str, currency: str, value: int) -> None:
    said = {"currency": currency, "value": value}
    assert mapping.to_adyen(Money(amount, currency)) == said
    assert mapping.from_adyen(said) == Money(amount, currency)


@pytest.mark.parametrize(
    ("amount", "currency"), [("1.50", "IDR"), ("2.50", "CVE"), ("0.5", "JPY"), ("1.2345", "CLF"), ("0.001", "EUR")]
)
def test_what_adyen_cannot_say_is_refused_and_never_rounded(amount: str, currency: str) -> None:
    with pytest.raises(money.AmountInvalid):
        mapping.to_adyen(Money(amount, currency))
    assert mapping.cannot_say(Money(amount, currency))
    assert mapping.cannot_say(Money("1.50", "IDR")) == "IDR amounts must end in 00 here."
    assert mapping.cannot_say(Money("5", "CLP")) == ""


@pytest.mark.parametrize(
    "said",
    [
        {"value": 50, "currency": "ISK"},
        {"value": 1.5, "currency": "EUR"},
        {"value": True, "currency": "EUR"},
        {"value": "5", "currency": "EUR"},
        {"value": 5, "currency": "eur"},
        {"value": 5, "currency": "XXY"},
        {"value": 5},
        {"currency": "EUR"},
        {"value": 10**20, "currency": "EUR"},
        None,
        [],
    ],
)
def test_what_means_nothing_is_unreadable(said: object) -> None:
    with pytest.raises(mapping.UnreadableError):
        mapping.from_adyen(said)


@given(units=st.integers(0, 10**9), currency=st.sampled_from(CURRENCIES))
def test_every_currency_goes_there_and_back(units: int, currency: str) -> None:
    # The smallest step that both ISO 4217 and Adyen can say.
    step = Decimal(1).scaleb(-min(money.exponent(currency), mapping.exponent(currency)))
    amount = Money(units * step, currency)
    said = mapping.to_adyen(amount)

    assert mapping.from_adyen(said) == amount
    assert Decimal(said["value"]) == amount.amount * 10 ** mapping.exponent(currency)


@given(minor=st.integers(0, 10**9), currency=st.sampled_from(CURRENCIES))
def test_every_amount_is_said_exactly_or_refused(minor: int, currency: str) -> None:
    amount = money.from_minor(minor, currency)
    try:
        said = mapping.to_adyen(amount)
    except money.AmountInvalid:
        assert mapping.exponent(currency) < money.exponent(currency)
        return
    assert mapping.from_adyen(said) == amount


# --- answers ---

EUR = {"currency": "EUR", "value": 3000}


@pytest.mark.parametrize(
    ("result", "verdict", "word"),
    [
        ("Authorised", Verdict.APPROVED, ""),
        ("PartiallyAuthorised", Verdict.APPROVED, ""),
        ("Refused", Verdict.DECLINED, "generic_decline"),
        ("Error", Verdict.DECLINED, "processing_error"),
        ("Cancelled", Verdict.DECLINED, "customer_declined"),
        ("Received", Verdict.PENDING, ""),
        ("Pending", Verdict.PENDING, ""),
    ],
)
@pytest.mark.parametrize("captured", [True, False])
def test_what_each_result_means(result: str, verdict: Verdict, word: str, captured: bool) -> None:  # noqa: FBT001
    outcome = mapping.payment({"resultCode": result, "pspReference": "PSP1", "amount": EUR}, captured=captured)

    assert (outcome.verdict, outcome.provider_reference) == (verdict, "PSP1")
    assert outcome.decline == (DECLINES[word] if word else None)
    approved = verdict is Verdict.APPROVED
    assert (outcome.captured, outcome.amount) == ((captured, Money("30.00", "EUR")) if approved else (False, None))


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"resultCode": "AuthenticationFinished"},
        {"resultCode": "a result of next year"},
        {"resultCode": "Authorised", "pspReference": "PSP1"},
        {"resultCode": "Authorised", "amount": EUR},
        {"resultCode": "RedirectShopper"},
        {"resultCode": "RedirectShopper", "action": {"type": "redirect"}},
    ],
)
def test_an_answer_that_does_not_say_enough_is_unreadable(answer: dict[str, Any]) -> None:
    with pytest.raises(mapping.UnreadableError):
        mapping.payment(answer, captured=True)


def test_the_card_and_the_reasons_are_kept_for_people() -> None:
    answer = {
        "resultCode": "Refused",
        "pspReference": "PSP1",
        "refusalReason": "Not enough balance",
        "refusalReasonCode": "12",
        "additionalData": {"refusalReasonRaw": "51 : Insufficient funds", "cardSummary": "1111", "cardBin": "411111"},
        "paymentMethod": {"brand": "visa", "type": "scheme"},
    }
    assert mapping.payment(answer, captured=True).raw == {
        "result_code": "Refused",
        "refusal_reason": "Not enough balance",
        "refusal_reason_raw": "51 : Insufficient funds",
        "code": "12",
        "card": {"brand": "visa", "last4": "1111", "issuer": "411111"},
    }


def test_a_method_that_adyen_keeps_is_told() -> None:
    kept = {
        "tokenization.storedPaymentMethodId": "TOKEN1",
        "cardSummary": "1111",
        "expiryDate": "3/2030",
        "alias": "H1",
    }
    answer = {"resultCode": "Authorised", "pspReference": "PSP1", "amount": EUR, "paymentMethod": {"brand": "visa"}}
    saved = mapping.payment({**answer, "additionalData": kept}, captured=True).saved

    assert saved == SavedMethod(
        token="TOKEN1", brand="visa", last4="1111", exp_month=3, exp_year=2030, fingerprint="H1"
    )
    assert mapping.payment(answer, captured=True).saved is None


ACTIONS = [
    (
        "RedirectShopper",
        {"type": "redirect", "method": "GET", "url": "https://bank.example/pay"},
        {"type": "redirect", "url": "https://bank.example/pay"},
    ),
    (
        "RedirectShopper",
        {"type": "redirect", "method": "POST", "url": "https://bank.example/pay", "data": {"MD": "x"}},
        {"type": "redirect", "url": "https://bank.example/pay", "method": "POST", "data": {"MD": "x"}},
    ),
    (
        "IdentifyShopper",
        {"type": "threeDS2", "subtype": "fingerprint", "token": "t"},
        {
            "type": "provider_sdk",
            "provider": "adyen",
            "payload": {"type": "threeDS2", "subtype": "fingerprint", "token": "t"},
        },
    ),
    (
        "Pending",
        {"type": "qrCode", "paymentMethodType": "pix", "qrCodeData": "0002", "expiresAt": "2026-11-25T20:00:00Z"},
        {"type": "qr", "data": "0002", "expires_at": "2026-11-25T20:00:00Z"},
    ),
    (
        "PresentToShopper",
        {
            "type": "voucher",
            "paymentMethodType": "multibanco",
            "reference": "501 422 944",
            "entity": "12101",
            "expiresAt": "2026-11-28T10:00:00",
        },
        {
            "type": "voucher",
            "url": None,
            "reference": "501 422 944",
            "entity": "12101",
            "expires_at": "2026-11-28T10:00:00Z",
        },
    ),
    (
        "PresentToShopper",
        {
            "type": "voucher",
            "paymentMethodType": "boletobancario",
            "reference": "237",
            "downloadUrl": "https://b.example",
        },
        {"type": "voucher", "url": "https://b.example", "reference": "237", "expires_at": None},
    ),
    ("Pending", {"type": "await", "paymentMethodType": "mbway"}, {"type": "await", "until": None}),
]


@pytest.mark.parametrize(("result", "action", "asked"), ACTIONS, ids=lambda part: str(part)[:20])
def test_every_action_is_told_in_our_words(result: str, action: dict[str, Any], asked: dict[str, Any]) -> None:
    outcome = mapping.payment({"resultCode": result, "pspReference": "PSP1", "action": action}, captured=True)

    assert (outcome.verdict, outcome.next_action) == (Verdict.ACTION_REQUIRED, asked)
    assert (outcome.provider_reference, outcome.raw["step_reference"]) == ("", "PSP1"), "the payment may have another"
    ends = asked.get("expires_at")
    assert outcome.expires_at == (datetime.fromisoformat(ends) if ends else None)


def test_a_blik_code_is_waited_for_as_long_as_it_is_good() -> None:
    action = {"type": "await", "paymentMethodType": "blik"}
    before = datetime.now(UTC)  # noqa: TID251  a connector has no clock of ours
    outcome = mapping.payment({"resultCode": "Pending", "pspReference": "PSP1", "action": action}, captured=True)

    assert outcome.expires_at is not None
    assert 118 <= (outcome.expires_at - before).total_seconds() <= 121


def test_a_modification_is_only_received() -> None:
    answer = {"status": "received", "pspReference": "MOD1", "paymentPspReference": "PSP1", "amount": EUR}
    outcome = mapping.received(answer)

    assert (outcome.verdict, outcome.modification, outcome.provider_reference) == (Verdict.PENDING, "MOD1", "PSP1")
    assert outcome.amount == Money("30.00", "EUR")
    for unreadable in ({}, {**answer, "status": "done"}, {"status": "received"}):
        with pytest.raises(mapping.UnreadableError):
            mapping.received(unreadable)
