"""Stripe's numbers and words against its own lists, and every amount there and back."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from payments.connectors import http
from payments.connectors.base import Verdict
from payments.connectors.declines import DECLINES, Category
from payments.connectors.stripe import declines, mapping
from payments.kernel import money

# docs.stripe.com/declines/codes and the error codes of a payment, each as it stands there.
LISTED = """
approve_with_id issuer_not_available processing_error reenter_transaction try_again_later
insufficient_funds card_velocity_exceeded withdrawal_count_limit_exceeded
authentication_required authentication_not_handled mobile_device_authentication_required
incorrect_cvc invalid_cvc incorrect_number invalid_number incorrect_zip incorrect_address invalid_expiry_month
invalid_expiry_year incorrect_pin invalid_pin offline_pin_required online_or_offline_pin_required
generic_decline do_not_honor call_issuer no_action_taken not_permitted service_not_allowed transaction_not_allowed
security_violation invalid_amount new_account_information_available do_not_try_again
lost_card stolen_card pickup_card restricted_card fraudulent merchant_blacklist expired_card invalid_account
card_not_supported currency_not_supported pin_try_exceeded revocation_of_authorization
revocation_of_all_authorizations stop_payment_order testmode_decline duplicate_transaction
partner_generic_decline invalid_customer_account payment_limit_exceeded invalid_billing_agreement compliance_violation
invalid_authorization invalid_payment_information invalid_business_account partner_high_risk_customer payment_disputed
partner_payment_not_found expired_payment_information
card_declined payment_intent_authentication_failure payment_intent_payment_attempt_expired
payment_intent_payment_attempt_failed payment_intent_incompatible_payment_method
payment_intent_konbini_rejected_confirmation_number payment_method_not_available payment_method_provider_decline
payment_method_provider_timeout payment_method_customer_decline payment_method_currency_mismatch amount_too_small
amount_too_large capture_charge_authorization_expired charge_exceeds_source_limit charge_exceeds_transaction_limit
debit_not_authorized sepa_unsupported_account card_decline_rate_limit_exceeded resource_missing
""".split()  # noqa: SIM905  as the page lists them

NEVER_AGAIN = """
lost_card stolen_card pickup_card restricted_card fraudulent merchant_blacklist expired_card invalid_account
card_not_supported currency_not_supported pin_try_exceeded revocation_of_authorization
revocation_of_all_authorizations stop_payment_order testmode_decline do_not_try_again invalid_billing_agreement
compliance_violation invalid_authorization
""".split()  # noqa: SIM905  as the page lists them

CURRENCIES = sorted(money.EXPONENTS)


@pytest.mark.parametrize(
    ("amount", "currency", "stripe"),
    [
        ("19.99", "EUR", 1999),
        ("500", "JPY", 500),
        ("5", "ISK", 500),  # no decimals in ISO 4217, two in the API
        ("7000", "UGX", 700000),
        ("2.00", "MGA", 2),  # two decimals in ISO 4217, none in the API
        ("1.230", "KWD", 1230),
        ("175", "HUF", 17500),
        ("30", "TWD", 3000),
    ],
)
def test_amounts_as_stripe_writes_them(amount: str, currency: str, stripe: int) -> None:
    assert mapping.to_stripe(Money(amount, currency)) == stripe
    assert mapping.from_stripe(stripe, currency.lower()) == Money(amount, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        ("1.230", "KWD", ""),
        ("1.234", "KWD", "KWD amounts must end in 0 here."),
        ("2.50", "MGA", "MGA amounts must end in 00 here."),
        ("19.99", "EUR", ""),
        ("0.001", "EUR", "0.001 EUR has a fraction of a minor unit."),
    ],
)
def test_why_stripe_cannot_say_an_amount_is_told_in_words(amount: str, currency: str, why: str) -> None:
    assert mapping.cannot_say(Money(amount, currency)) == why


@pytest.mark.parametrize(
    ("amount", "currency"), [("1.234", "KWD"), ("2.50", "MGA"), ("0.5", "JPY"), ("1.2345", "CLF"), ("0.001", "EUR")]
)
def test_what_stripe_cannot_say_is_refused_and_never_rounded(amount: str, currency: str) -> None:
    with pytest.raises(money.AmountInvalid):
        mapping.to_stripe(Money(amount, currency))


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (50, "isk"),
        (1.5, "eur"),
        (True, "eur"),
        (None, "eur"),
        ("5", "eur"),
        (5, "xxy"),
        (5, ""),
        (5, None),
        (10**20, "eur"),
    ],
)
def test_what_means_nothing_is_unreadable(amount: object, currency: object) -> None:
    with pytest.raises(mapping.UnreadableError):
        mapping.from_stripe(amount, currency)


@given(units=st.integers(0, 10**9), currency=st.sampled_from(CURRENCIES))
def test_every_currency_goes_there_and_back(units: int, currency: str) -> None:
    # The smallest step that both ISO 4217 and Stripe can say.
    step = Decimal(1).scaleb(-min(money.exponent(currency), mapping.exponent(currency), 2))
    amount = Money(units * step, currency)
    stripe = mapping.to_stripe(amount)

    assert mapping.from_stripe(stripe, currency.lower()) == amount
    assert Decimal(stripe) == amount.amount * 10 ** mapping.exponent(currency)


@given(minor=st.integers(0, 10**9), currency=st.sampled_from(CURRENCIES))
def test_every_amount_is_said_exactly_or_refused(minor: int, currency: str) -> None:
    amount = money.from_minor(minor, currency)
    try:
        stripe = mapping.to_stripe(amount)
    except money.AmountInvalid:
        assert currency in mapping.ZERO_DECIMAL or money.exponent(currency) > 2
        return
    assert mapping.from_stripe(stripe, currency) == amount


@pytest.mark.parametrize("code", LISTED)
def test_every_listed_code_has_our_word(code: str) -> None:
    for error in ({"code": code}, {"code": "card_declined", "decline_code": code}):
        assert declines.decline(error) == DECLINES[declines.DECLINE_CODES[code]]


@pytest.mark.parametrize("code", NEVER_AGAIN)
def test_what_stripe_calls_final_is_not_tried_again(code: str) -> None:
    decline = declines.decline({"code": "card_declined", "decline_code": code})
    assert decline.category in {Category.HARD, Category.FRAUD}
    assert not decline.may_retry


def test_only_soft_declines_go_on_to_another_provider_and_all_of_them_may_be_tried_again() -> None:
    soft = {code for code, decline in DECLINES.items() if decline.category is Category.SOFT and not decline.may_retry}
    assert soft == {"method_unavailable"}


def test_every_word_is_used_and_every_code_leads_to_a_word() -> None:
    ours = set(declines.DECLINE_CODES.values()) | set(declines.REFUND_CODES.values())
    assert ours <= set(DECLINES)
    defaults, of_disputes = {"request_refused", "refund_declined"}, {"dispute_closed", "dispute_evidence_refused"}
    assert set(DECLINES) - ours == defaults | of_disputes


def test_a_new_decline_code_is_a_generic_decline() -> None:
    assert (
        declines.decline({"code": "card_declined", "decline_code": "made_up_next_year"}) == DECLINES["generic_decline"]
    )
    assert declines.decline({"code": ["not", "text"], "decline_code": {}}) == DECLINES["generic_decline"]


def test_the_advice_code_beats_the_table() -> None:
    funds = {"code": "card_declined", "decline_code": "insufficient_funds"}
    final = declines.decline({**funds, "advice_code": "do_not_try_again"})
    assert (final.decline_code, final.category, final.may_retry) == ("insufficient_funds", Category.HARD, False)
    check = declines.decline({**funds, "advice_code": "confirm_card_data"})
    assert (check.category, check.may_retry) == (Category.CUSTOMER, True)
    stolen = declines.decline({"decline_code": "stolen_card", "advice_code": "do_not_try_again"})
    assert stolen.category is Category.FRAUD


@pytest.mark.parametrize(
    ("status", "error", "verdict"),
    [
        (400, {"type": "invalid_request_error"}, Verdict.DECLINED),
        (400, {"type": "idempotency_error"}, Verdict.UNKNOWN),
        (401, {}, Verdict.UNAVAILABLE),
        (402, {"type": "card_error", "code": "card_declined"}, Verdict.DECLINED),
        (403, {}, Verdict.UNAVAILABLE),
        (404, {"type": "invalid_request_error", "code": "resource_missing"}, Verdict.DECLINED),
        (404, {}, Verdict.UNKNOWN),
        (409, {"code": "idempotency_key_in_use"}, Verdict.UNKNOWN),
        (429, {"code": "rate_limit"}, Verdict.UNAVAILABLE),
        (429, {"code": "lock_timeout"}, Verdict.UNAVAILABLE),
        (429, {}, Verdict.UNAVAILABLE),
        (302, {}, Verdict.UNKNOWN),
        (418, {}, Verdict.UNKNOWN),
        (500, {"type": "api_error"}, Verdict.UNKNOWN),
        (502, {}, Verdict.UNKNOWN),
        (503, {}, Verdict.UNKNOWN),
    ],
)
def test_what_each_error_answer_proves(status: int, error: dict[str, str], verdict: Verdict) -> None:
    outcome = mapping.failed(mapping.RefusedError(status, error, request_id="req_1"), provider_reference="pi_1")

    assert outcome.verdict is verdict
    assert (outcome.decline is not None) == (verdict is Verdict.DECLINED)
    assert outcome.raw["http_status"] == status
    assert (outcome.raw["request_id"], outcome.provider_reference) == ("req_1", "pi_1")


def test_only_what_never_left_is_proof_among_the_failures() -> None:
    assert mapping.failed(http.UnsentError("refused")).verdict is Verdict.UNAVAILABLE
    assert mapping.failed(http.AmbiguousError("reset")).verdict is Verdict.UNKNOWN
    assert mapping.failed(mapping.UnreadableError("garbage")).verdict is Verdict.UNKNOWN


INTENT = {
    "id": "pi_1",
    "object": "payment_intent",
    "amount": 3000,
    "amount_received": 2900,
    "amount_capturable": 2800,
    "currency": "eur",
    "latest_charge": {"id": "ch_1", "object": "charge"},
}


@pytest.mark.parametrize(
    ("status", "verdict", "captured", "amount"),
    [
        ("succeeded", Verdict.APPROVED, True, "29.00"),
        ("requires_capture", Verdict.APPROVED, False, "28.00"),
        ("processing", Verdict.PENDING, False, "30.00"),
        ("requires_payment_method", Verdict.DECLINED, False, None),
        ("canceled", Verdict.CANCELED, False, None),
        ("requires_confirmation", Verdict.UNKNOWN, False, None),
    ],
)
def test_what_each_status_means_for_the_money(
    status: str,
    verdict: Verdict,
    captured: bool,  # noqa: FBT001
    amount: str | None,
) -> None:
    outcome = mapping.payment({**INTENT, "status": status})

    assert (outcome.verdict, outcome.captured) == (verdict, captured)
    assert outcome.amount == (Money(amount, "EUR") if amount else None)
    assert outcome.provider_reference == "pi_1"
    assert outcome.raw["latest_charge"] == "ch_1"


def test_the_card_is_known_by_what_customers_read_on_it() -> None:
    card = {"id": "pm_1", "card": {"brand": "visa", "last4": "4242", "fingerprint": "not ours to keep"}}
    known = {"brand": "visa", "last4": "4242"}

    assert mapping.payment({**INTENT, "status": "succeeded", "payment_method": card}).raw["card"] == known
    declined = {**INTENT, "status": "requires_payment_method", "last_payment_error": {"payment_method": card}}
    assert mapping.payment(declined).raw["card"] == known
    issued = {"id": "pm_1", "card": {**card["card"], "iin": "424242", "issuer": "Crystal  Bank"}}  # type: ignore[dict-item]
    told = mapping.payment({**INTENT, "status": "succeeded", "payment_method": issued}).raw["card"]
    assert told == known | {"issuer": "CRYSTAL BANK"}
    refused = mapping.RefusedError(402, {"type": "card_error", "code": "card_declined", "payment_method": card})
    assert mapping.failed(refused).raw["card"] == known
    unknowns: tuple[object, ...] = ("pm_1", None, {"card": {}}, {"card": {"last4": None}}, {"ideal": {}})
    for unknown in unknowns:
        assert "card" not in mapping.payment({**INTENT, "status": "succeeded", "payment_method": unknown}).raw


LINK = "https://pay.example/1"
AT, ISO = 1_795_651_200, "2026-11-26T00:00:00Z"


@pytest.mark.parametrize(
    ("kind", "data", "ours"),
    [
        ("redirect_to_url", {"url": LINK, "return_url": "x"}, {"type": "redirect", "url": LINK}),
        ("alipay_handle_redirect", {"url": LINK, "native_data": None}, {"type": "redirect", "url": LINK}),
        (
            "cashapp_handle_redirect_or_display_qr_code",
            {"hosted_instructions_url": LINK, "mobile_auth_url": "x", "qr_code": {}},
            {"type": "redirect", "url": LINK},
        ),
        (
            "upi_handle_redirect_or_display_qr_code",
            {"hosted_instructions_url": LINK, "qr_code": {"expires_at": AT}},
            {"type": "redirect", "url": LINK},
        ),
        (
            "oxxo_display_details",
            {"number": "123", "hosted_voucher_url": LINK, "expires_after": AT},
            {"type": "voucher", "url": LINK, "reference": "123", "expires_at": ISO},
        ),
        (
            "boleto_display_details",
            {"number": "123", "pdf": "p", "hosted_voucher_url": LINK, "expires_at": AT},
            {"type": "voucher", "url": LINK, "reference": "123", "pdf": "p", "expires_at": ISO},
        ),
        (
            "multibanco_display_details",
            {"entity": "11249", "reference": "9", "hosted_voucher_url": LINK, "expires_at": AT},
            {"type": "voucher", "url": LINK, "reference": "9", "entity": "11249", "expires_at": ISO},
        ),
        (
            "konbini_display_details",
            {"stores": {"lawson": {"payment_code": "1"}}, "hosted_voucher_url": LINK, "expires_at": AT},
            {"type": "voucher", "url": LINK, "stores": {"lawson": {"payment_code": "1"}}, "expires_at": ISO},
        ),
        (
            "pix_display_qr_code",
            {"data": "000201", "expires_at": AT},
            {"type": "qr", "data": "000201", "expires_at": ISO},
        ),
        ("wechat_pay_display_qr_code", {"data": "wx"}, {"type": "qr", "data": "wx", "expires_at": None}),
        (
            "use_stripe_sdk",
            {"stripe_js": "x"},
            {
                "type": "provider_sdk",
                "provider": "stripe",
                "payload": {"type": "use_stripe_sdk", "client_secret": "pi_1_secret"},
            },
        ),
    ],
)
def test_what_the_customer_has_to_do_is_said_in_our_words(kind: str, data: object, ours: dict[str, object]) -> None:
    action = {"type": kind, kind: data}
    asked = {**INTENT, "client_secret": "pi_1_secret", "status": "requires_action", "next_action": action}
    outcome = mapping.payment(asked)
    assert (outcome.verdict, outcome.next_action) == (Verdict.ACTION_REQUIRED, ours)
    assert (outcome.expires_at is not None) == (ours.get("expires_at") is not None)


@pytest.mark.parametrize(("kind", "until"), [("blik", "2026-11-26T00:02:00Z"), ("mb_way", "2026-11-26T00:05:00Z")])
def test_what_is_approved_in_an_app_is_waited_for(kind: str, until: str) -> None:
    action = {"type": "blik_authorize", "blik_authorize": {}}
    facts = {"status": "requires_action", "next_action": action, "payment_method_types": [kind], "created": AT}
    assert mapping.payment({**INTENT, **facts}).next_action == {"type": "await", "until": until}


@pytest.mark.parametrize(
    "change",
    [
        {"status": "made_up_next_year"},
        {"status": None},
        {"object": "charge"},
        {"id": ""},
        {"status": "succeeded", "amount_received": None},
        {"status": "succeeded", "currency": 7},
        {"status": "requires_action", "next_action": None},
        {"status": "requires_action", "next_action": {"type": "redirect_to_url", "redirect_to_url": {}}},
    ],
)
def test_an_intent_that_is_not_one_is_unreadable(change: dict[str, object]) -> None:
    with pytest.raises(mapping.UnreadableError):
        mapping.payment({**INTENT, "status": "succeeded", **change})


REFUND = {"id": "re_1", "object": "refund", "amount": 3000, "currency": "eur", "payment_intent": "pi_1"}


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("succeeded", Verdict.APPROVED),
        ("pending", Verdict.PENDING),
        ("requires_action", Verdict.PENDING),
        ("failed", Verdict.DECLINED),
        ("canceled", Verdict.CANCELED),
    ],
)
def test_what_each_refund_status_means(status: str, verdict: Verdict) -> None:
    outcome = mapping.refund({**REFUND, "status": status, "failure_reason": "lost_or_stolen_card"})

    assert (outcome.verdict, outcome.amount) == (verdict, Money("30.00", "EUR"))
    assert (outcome.provider_reference, outcome.raw["payment_intent"]) == ("re_1", "pi_1")
    closed = DECLINES["refund_method_closed"]
    assert outcome.decline == (closed if verdict is Verdict.DECLINED else None)


@pytest.mark.parametrize(
    ("card", "kept"),
    [
        ({"reference": "74537604221222132710572", "reference_type": "acquirer_reference_number"}, True),
        ({"reference_status": "pending", "reference_type": "acquirer_reference_number"}, False),
        ({"reference": "74537604221222132710572", "reference_type": "system_trace_audit_number"}, False),
    ],
)
def test_the_number_by_which_a_bank_finds_a_refund(card: dict[str, str], kept: bool) -> None:  # noqa: FBT001
    destination = {"type": "card", "card": card}
    outcome = mapping.refund({**REFUND, "status": "succeeded", "destination_details": destination})
    assert outcome.acquirer_reference == (card["reference"] if kept else "")


@pytest.mark.parametrize(
    "change", [{"status": "new"}, {"status": "succeeded", "object": "x"}, {"status": "succeeded", "amount": "1"}]
)
def test_a_refund_that_is_not_one_is_unreadable(change: dict[str, object]) -> None:
    with pytest.raises(mapping.UnreadableError):
        mapping.refund({**REFUND, **change})
