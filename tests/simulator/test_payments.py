"""Payments, captures, refunds: what a merchant does on a good day, through Stripe's own SDK."""

import pytest
import stripe

from tests.simulator import process, schema


def test_a_card_pays_at_once(merchant: process.Merchant) -> None:
    intent = merchant.pay(
        metadata={"order": "A-1"}, expand=["latest_charge.balance_transaction"], capture_method="automatic"
    )

    assert intent.status == "succeeded"
    assert intent.amount_received == 2_000
    assert intent.metadata.to_dict() == {"order": "A-1"}
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert charge.captured
    row = charge.balance_transaction
    assert isinstance(row, stripe.BalanceTransaction)
    assert (row.amount, row.fee, row.net) == (2_000, 88, 1_912), "2.9 % and 30 cents"
    assert merchant.events() == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


def test_the_usual_asynchronous_capture_learns_its_fee_a_moment_later(merchant: process.Merchant) -> None:
    intent = merchant.pay(expand=["latest_charge"])

    assert intent.capture_method == "automatic_async"
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert intent.latest_charge.balance_transaction is None
    updated = merchant.happened("charge.updated")
    assert updated["data"]["object"]["balance_transaction"].startswith("txn_")


def test_create_then_confirm(merchant: process.Merchant) -> None:
    intent = merchant.v1.payment_intents.create(params={"amount": 500, "currency": "eur"})
    assert intent.status == "requires_payment_method"

    intent = merchant.v1.payment_intents.update(intent.id, params={"payment_method": "pm_card_visa", "amount": 700})
    assert intent.status == "requires_confirmation"

    intent = merchant.v1.payment_intents.confirm(intent.id)
    assert (intent.status, intent.amount_received) == ("succeeded", 700)


def test_hold_then_capture_a_part(merchant: process.Merchant) -> None:
    intent = merchant.pay(capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 2_000)

    intent = merchant.v1.payment_intents.capture(
        intent.id, params={"amount_to_capture": 1_500, "expand": ["latest_charge"]}
    )
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("succeeded", 0, 1_500)
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert (charge.amount, charge.amount_captured, charge.amount_refunded) == (2_000, 1_500, 0)
    rows = merchant.v1.balance_transactions.list(params={"source": charge.id}).data
    assert {row.reporting_category: row.amount for row in rows} == {"charge": 2_000, "partial_capture_reversal": -500}
    assert merchant.events()[2:] == [
        "payment_intent.amount_capturable_updated",
        "charge.captured",
        "payment_intent.succeeded",
    ]


def test_capture_in_two_parts(merchant: process.Merchant) -> None:
    intent = merchant.pay(capture_method="manual")

    intent = merchant.v1.payment_intents.capture(intent.id, params={"amount_to_capture": 1_200, "final_capture": False})
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 800)
    intent = merchant.v1.payment_intents.capture(intent.id)
    assert (intent.status, intent.amount_received) == ("succeeded", 2_000)


def test_cancel_releases_what_was_held(merchant: process.Merchant) -> None:
    intent = merchant.pay(capture_method="manual")

    intent = merchant.v1.payment_intents.cancel(intent.id, params={"cancellation_reason": "abandoned"})

    assert (intent.status, intent.cancellation_reason, intent.amount_capturable) == ("canceled", "abandoned", 0)
    assert merchant.events()[-2:] == ["charge.refunded", "payment_intent.canceled"]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.v1.payment_intents.capture(intent.id)
    assert refused.value.code == "payment_intent_unexpected_state"


def test_refund_in_parts_and_never_more_than_was_paid(merchant: process.Merchant) -> None:
    intent = merchant.pay(capture_method="automatic")
    first = merchant.v1.refunds.create(params={"payment_intent": intent.id, "amount": 500, "metadata": {"why": "late"}})
    assert (first.status, first.amount, first.metadata and first.metadata.to_dict()) == (
        "succeeded",
        500,
        {"why": "late"},
    )

    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.v1.refunds.create(params={"payment_intent": intent.id, "amount": 1_501})
    assert refused.value.param == "amount"

    assert merchant.v1.refunds.create(params={"charge": str(intent.latest_charge)}).amount == 1_500
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.v1.refunds.create(params={"payment_intent": intent.id})
    assert refused.value.code == "charge_already_refunded"
    charge = merchant.v1.charges.retrieve(str(intent.latest_charge), params={"expand": ["refunds"]})
    assert (charge.refunded, charge.amount_refunded) == (True, 2_000)
    assert charge.refunds is not None
    assert len(charge.refunds.data) == 2
    assert len(merchant.v1.refunds.list(params={"payment_intent": intent.id}).data) == 2
    assert merchant.v1.refunds.retrieve(first.id).id == first.id
    updated = merchant.v1.refunds.update(first.id, params={"metadata": {"why": ""}})
    assert updated.metadata is not None
    assert updated.metadata.to_dict() == {}
    with pytest.raises(stripe.InvalidRequestError):
        merchant.v1.refunds.cancel(first.id)


def test_nothing_to_refund_before_capture(merchant: process.Merchant) -> None:
    intent = merchant.pay(capture_method="manual")
    with pytest.raises(stripe.InvalidRequestError):
        merchant.v1.refunds.create(params={"payment_intent": intent.id})


def test_foreign_currency_settles_in_the_accounts_own(merchant: process.Merchant) -> None:
    intent = merchant.pay(
        currency="jpy", amount=15_500, capture_method="automatic", expand=["latest_charge.balance_transaction"]
    )
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    row = charge.balance_transaction
    assert isinstance(row, stripe.BalanceTransaction)
    assert (row.currency, row.amount) == ("usd", 10_000), "15,500 yen are 100.00 dollars here"
    assert row.exchange_rate == pytest.approx(100 / 155)
    balance = merchant.v1.balance.retrieve()
    assert balance.pending[0].amount == row.net


def test_customers_and_saved_cards(merchant: process.Merchant) -> None:
    customer = merchant.v1.customers.create(params={"email": "ann@example.com", "name": "Ann"})
    card = merchant.v1.payment_methods.create(
        params={"type": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2034, "cvc": "123"}}
    )
    merchant.v1.payment_methods.attach(card.id, params={"customer": customer.id})

    first = merchant.pay(card.id, customer=customer.id)
    second = merchant.pay(card.id, customer=customer.id, off_session=True, return_url=None)

    assert (first.status, second.status) == ("succeeded", "succeeded")
    assert [m.id for m in merchant.v1.customers.payment_methods.list(customer.id).data] == [card.id]
    assert [m.id for m in merchant.v1.payment_methods.list(params={"customer": customer.id}).data] == [card.id]
    with pytest.raises(stripe.InvalidRequestError, match="belongs to the Customer"):
        merchant.pay(card.id)
    assert merchant.v1.payment_methods.detach(card.id).customer is None
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        merchant.pay(card.id)
    changed = merchant.v1.customers.update(customer.id, params={"metadata": {"tier": "gold"}, "phone": "+15550100"})
    assert changed.phone == "+15550100"
    assert merchant.v1.customers.list(params={"email": "ann@example.com"}).data[0].id == customer.id
    assert merchant.v1.customers.delete(customer.id).deleted


def test_a_card_is_saved_for_later_while_paying(merchant: process.Merchant) -> None:
    customer = merchant.v1.customers.create()
    intent = merchant.pay(customer=customer.id, setup_future_usage="off_session")
    again = merchant.pay(str(intent.payment_method), customer=customer.id, off_session=True)
    assert again.status == "succeeded"


def test_expand_reaches_related_objects(merchant: process.Merchant) -> None:
    made = merchant.pay(capture_method="automatic")
    refund = merchant.v1.refunds.create(
        params={
            "payment_intent": made.id,
            "amount": 100,
            "expand": ["charge.payment_intent", "balance_transaction.source"],
        }
    )
    assert isinstance(refund.charge, stripe.Charge)
    assert isinstance(refund.charge.payment_intent, stripe.PaymentIntent)
    assert isinstance(refund.balance_transaction, stripe.BalanceTransaction)
    assert isinstance(refund.balance_transaction.source, stripe.Refund)
    page = merchant.v1.payment_intents.list(params={"expand": ["data.latest_charge.refunds"]})
    assert isinstance(page.data[0].latest_charge, stripe.Charge)
    assert page.data[0].latest_charge.refunds is not None
    for wish in ("latest_charge", "data.amount", "data.latest_charge.colour", "data.a.b.c.d"):
        with pytest.raises(stripe.InvalidRequestError):
            merchant.v1.payment_intents.list(params={"expand": [wish]})


def test_lists_are_newest_first_and_paged(merchant: process.Merchant) -> None:
    made = [merchant.pay(amount=1_000 + number).id for number in range(5)]

    page = merchant.v1.payment_intents.list(params={"limit": 2})
    assert ([i.id for i in page.data], page.has_more) == ([made[4], made[3]], True)
    assert [i.id for i in page.auto_paging_iter()] == made[::-1]
    before = merchant.v1.payment_intents.list(params={"limit": 2, "ending_before": made[0]})
    assert [i.id for i in before.data] == [made[2], made[1]]
    nothing = merchant.v1.payment_intents.list(params={"created": {"lt": 1_000}})
    assert nothing.data == []
    charges = merchant.v1.charges.list(params={"payment_intent": made[0]})
    assert len(charges.data) == 1


def test_search_by_metadata(merchant: process.Merchant) -> None:
    wanted = merchant.pay(metadata={"attempt": "it's 1"})
    merchant.pay(metadata={"attempt": "2"})

    found = merchant.v1.payment_intents.search(params={"query": 'metadata["attempt"]:"it\'s 1" AND status:"succeeded"'})
    assert [i.id for i in found.data] == [wanted.id]
    assert merchant.v1.payment_intents.search(params={"query": 'metadata["attempt"]:"3"'}).data == []
    assert (
        len(merchant.v1.payment_intents.search(params={"query": "amount>100 AND -metadata['attempt']:null"}).data) == 2
    )
    with pytest.raises(stripe.InvalidRequestError):
        merchant.v1.payment_intents.search(params={"query": "colour:'red'"})


def test_events_are_listed_and_complete(merchant: process.Merchant) -> None:
    intent = merchant.v1.payment_intents.create(
        params={"amount": 900, "currency": "usd"}, options={"idempotency_key": "key-of-mine"}
    )
    event = merchant.v1.events.list(params={"types": ["payment_intent.*"]}).data[0]
    assert event.request is not None
    assert event.request.idempotency_key == "key-of-mine"
    assert event.data.object["id"] == intent.id
    assert event.api_version == "2026-10-28.endive"
    assert merchant.v1.events.retrieve(event.id).id == event.id


def test_the_account_and_its_webhook_endpoints(merchant: process.Merchant, inbox: process.Inbox) -> None:
    account = merchant.client.v1.accounts.retrieve_current()
    assert (account.country, account.default_currency, account.charges_enabled) == ("US", "usd", True)
    made = merchant.v1.webhook_endpoints.create(params={"url": inbox.url, "enabled_events": ["payment_intent.created"]})
    assert made.secret is not None
    assert made.secret.startswith("whsec_")
    assert [e.id for e in merchant.v1.webhook_endpoints.list().data] == [made.id]
    merchant.pay()
    process.until(lambda: inbox.deliveries, "the webhook")
    signature, body = inbox.deliveries[0]
    assert stripe.Webhook.construct_event(body.decode(), signature, made.secret).type == "payment_intent.created"
    assert merchant.v1.webhook_endpoints.update(made.id, params={"disabled": True}).status == "disabled"
    assert merchant.v1.webhook_endpoints.delete(made.id).deleted


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 100}, "parameter_missing", "currency"),
        ({"currency": "usd"}, "parameter_missing", "amount"),
        ({"amount": "ten", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 0, "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 49, "currency": "usd"}, "amount_too_small", "amount"),
        ({"amount": 49, "currency": "jpy"}, "amount_too_small", "amount"),
        ({"amount": 10**12, "currency": "usd"}, "amount_too_large", "amount"),
        ({"amount": 1_001, "currency": "kwd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 50_001, "currency": "isk"}, "parameter_invalid_integer", "amount"),
        ({"amount": 100, "currency": "xyz"}, None, "currency"),
        (
            {"amount": 100, "currency": "usd", "payment_method_types": ["card"]},
            "parameter_unknown",
            "payment_method_types",
        ),
        ({"amount": 100, "currency": "usd", "shipping": {"street": "x"}}, "parameter_unknown", "shipping[street]"),
        ({"amount": 100, "currency": "usd", "capture_method": "later"}, None, "capture_method"),
        ({"amount": 100, "currency": "usd", "customer": "cus_none"}, "resource_missing", "customer"),
        ({"amount": 100, "currency": "usd", "payment_method": "pm_none"}, "resource_missing", "payment_method"),
        ({"amount": 100, "currency": "usd", "expand": ["colour"]}, None, "expand"),
    ],
)
def test_what_stripe_would_refuse_is_refused(
    merchant: process.Merchant, params: dict[str, object], code: str | None, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        merchant.v1.payment_intents.create(params=params)  # type: ignore[arg-type]
    assert merchant.book() == [], "and nothing has happened"
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)
    assert refused.value.request_id


def test_who_is_not_known_gets_nothing(shared: process.Simulator, merchant: process.Merchant) -> None:
    stranger = stripe.StripeClient("sk_test_stranger", base_addresses={"api": shared.url}, max_network_retries=0)
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.balance.retrieve()
    assert shared.ask("GET", "/v1/balance").status == 401
    other = shared.merchant()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        other.v1.payment_intents.retrieve(merchant.pay().id)
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert merchant.raw("GET", "/v1/no_such_thing").status == 404


@pytest.mark.skipif(not schema.available(), reason="Stripe's sample objects are not here")
def test_every_field_of_stripes_own_samples_is_there(merchant: process.Merchant) -> None:
    # Fields that Stripe shows only to platforms, or in circumstances that no payment here has.
    rare = {"managed_payments", "refunds", "radar_options", "transaction_link_id", "sources", "connect_reserved"}
    customer = merchant.v1.customers.create()
    intent = merchant.pay(capture_method="automatic", expand=["latest_charge.balance_transaction", "payment_method"])
    refund = merchant.v1.refunds.create(params={"payment_intent": intent.id})
    shown = intent.to_dict()
    for name, answer in {
        "payment_intent": shown,
        "charge": shown["latest_charge"],
        "balance_transaction": shown["latest_charge"]["balance_transaction"],
        "payment_method": shown["payment_method"],
        "refund": refund.to_dict(),
        "customer": customer.to_dict(),
        "event": merchant.v1.events.list().data[0].to_dict(),
    }.items():
        missing = set(schema.sample(name)) - set(answer) - rare
        assert not missing, f"{name} lacks {missing}"
