"""Nonsense is refused with a 4xx and breaks nothing."""

import random
import urllib.parse

from tests.simulator import process

PATHS = [
    "payment_intents",
    "payment_intents/{intent}",
    "payment_intents/{intent}/confirm",
    "payment_intents/{intent}/capture",
    "payment_intents/{intent}/cancel",
    "refunds",
    "customers",
    "payment_methods",
    "webhook_endpoints",
    "reporting/report_runs",
    "disputes/du_none",
]
NAMES = [
    "amount",
    "currency",
    "confirm",
    "payment_method",
    "payment_method_data[type]",
    "payment_method_data[card][number]",
    "payment_method_data[card]",
    "payment_method_options",
    "payment_method_options[card]",
    "payment_method_options[card][request_three_d_secure]",
    "metadata",
    "metadata[0]",
    "metadata[a]",
    "metadata[a][b]",
    "expand",
    "expand[]",
    "expand[0]",
    "shipping[address][city]",
    "shipping",
    "off_session",
    "automatic_payment_methods",
    "allowed_payment_method_types[0]",
    "amount_to_capture",
    "payment_intent",
    "charge",
    "card[number]",
    "card",
    "type",
    "url",
    "enabled_events[0][x]",
    "report_type",
    "parameters[interval_start]",
    "parameters[interval_end]",
    "parameters[columns][0]",
    "parameters[columns][0][x]",
    "parameters[timezone]",
    "a" + "[b]" * 60,
    "[",
    "]",
    "",
]
VALUES = [
    "",
    "0",
    "-1",
    "1000",
    "9" * 40,
    "true",
    "null",
    "card",
    "ideal",
    "usd",
    "kwd",
    "pm_card_visa",
    "pm_card_none",
    "4242424242424242",
    "\x00",
    "\u202e",
    "☃",
    "Europe/Nowhere",
    "../../etc/passwd",
    "payout_reconciliation.itemized.5",
    "latest_charge.a.b.c.d.e",
    "x" * 6_000,
]
QUERIES = [
    "limit",
    "created[gt]",
    "created[]",
    "created",
    "starting_after",
    "ending_before",
    "expand[]",
    "query",
    "type",
]


def test_nonsense_never_breaks_it(merchant: process.Merchant) -> None:
    dice = random.Random(20_261_122)
    intent = merchant.v1.payment_intents.create(params={"amount": 1_000, "currency": "usd"}).id
    for _ in range(1_000):
        path = dice.choice(PATHS).format(intent=intent)
        pairs = [(dice.choice(NAMES), dice.choice(VALUES)) for _ in range(dice.randint(0, 3))]
        body = urllib.parse.urlencode(pairs)
        answer = merchant.raw("POST", f"/v1/{path}", body)
        assert answer.status < 500, (path, body, answer.body)
    for _ in range(200):
        path = dice.choice(["payment_intents", "events", "payment_intents/search", "refunds", "balance_transactions"])
        query = urllib.parse.urlencode([(dice.choice(QUERIES), dice.choice(VALUES)) for _ in range(3)])
        answer = merchant.raw("GET", f"/v1/{path}?{query}")
        assert answer.status < 500, (path, query, answer.body)
    for header in ("Basic ???", "Bearer", "Bearer ", "Digest x", "Basic c2tfdGVzdDo="):
        assert merchant.simulator.ask("GET", "/v1/balance", headers={"Authorization": header}).status == 401
