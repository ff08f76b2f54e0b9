"""Adyen's own 42 examples of notifications: each is accepted once it is signed, or it is said why not."""

import copy
import json
import os
from pathlib import Path
from typing import Any, Final

import pytest
from Adyen import util

from payments.connectors.adyen import connector, webhooks
from payments.connectors.base import EventKind, NotificationRefused
from tests.connectors.letters import AT, KEY, account, signed, told

SPECS: Final = Path(__file__).resolve().parents[3] / "shared/reference/specs"


def examples(document: str = "adyen-webhooks") -> dict[str, dict[str, Any]]:
    path = SPECS / f"{document}.openapi.json"
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{path} is missing")
        return {}
    found = json.loads(path.read_text())["components"]["examples"]
    return {name.removeprefix("post-"): example["value"] for name, example in found.items()}


EXAMPLES: Final = examples()
TOKENS: Final = examples("adyen-tokenization-webhooks")
NOT_ACTED_UPON: Final[dict[str, str]] = {}
"""Signed and kept, and put before a person with these words."""


def codes() -> list[str]:
    return [
        about["NotificationRequestItem"]["eventCode"]
        for example in EXAMPLES.values()
        for about in example.get("notificationItems", ())
    ]


def test_all_of_them_are_here_and_each_has_its_end() -> None:
    """Acted upon, put before a person with a reason, or kept and counted because nothing here acts on the code."""
    assert len(EXAMPLES) in {0, 42}
    if EXAMPLES:
        told = codes()
        assert len(set(told)) == len(told) == 39, "the other three have no items"
        assert NOT_ACTED_UPON.keys() <= set(told) & webhooks.KINDS.keys()


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_published_example_is_accepted_once_it_is_signed(name: str) -> None:
    example = copy.deepcopy(EXAMPLES[name])
    if "notificationItems" not in example:
        body = json.dumps(example).encode()
        header = {"hmacsignature": util.generate_payload_sig(body, KEY).decode()}
        [event] = account().read_notification(body, header, now=AT)
        assert event.kind is EventKind.UNUSED
        refused(account(), body)
        return
    [wrapped] = example["notificationItems"]
    about = wrapped["NotificationRequestItem"]
    ours = account(livemode=example["live"] == "true", merchant=about["merchantAccountCode"])
    refused(ours, told(about, live=example["live"]))  # as it is printed: without a signature, or with a made-up one
    [event] = ours.read_notification(told(signed(about), live=example["live"]), {}, now=AT)

    assert event.type == about["eventCode"]
    named = about["eventCode"] != webhooks.REPORT  # the example's report is none of settlement
    assert event.kind is (webhooks.KINDS.get(about["eventCode"], EventKind.UNUSED) if named else EventKind.UNUSED)
    assert event.problem == NOT_ACTED_UPON.get(about["eventCode"], "")
    by_hand = bool(event.problem)
    of_a_method = event.kind is EventKind.METHOD_UPDATED
    assert (event.saved is not None) == of_a_method
    assert (event.dispute is not None) == (event.kind is EventKind.DISPUTE_UPDATED)
    assert (event.fraud is not None) == (event.kind is EventKind.FRAUD_WARNING)
    of_a_payment = event.kind is not EventKind.UNUSED and event.dispute is None and event.fraud is None
    assert (event.outcome is not None) == (of_a_payment and not by_hand and not of_a_method)


def refused(ours: connector.AdyenConnector, body: bytes) -> None:
    """Nothing of it is kept, and the reason is told: it is not signed by this account's key."""
    with pytest.raises(NotificationRefused, match="no signature of this account's keys"):
        ours.read_notification(body, {}, now=AT)


def test_every_kind_that_adyen_documents_has_a_room_or_is_kept() -> None:
    documented = set(json.loads((SPECS / "adyen-webhooks.openapi.json").read_text())["webhooks"]) if EXAMPLES else set()
    if documented:
        assert {f"/{code}" for code in webhooks.KINDS} <= documented


@pytest.mark.parametrize("name", TOKENS)
def test_every_published_message_about_a_token_is_accepted_once_its_header_signs_it(name: str) -> None:
    """What was made is known by the payment that made it; what has changed is asked for; what is gone is gone."""
    example = TOKENS[name]
    body, merchant = json.dumps(example).encode(), example["data"]["merchantAccount"]
    ours = account(livemode=example["environment"] == "live", merchant=merchant)
    for signature in ("", util.generate_payload_sig(body + b" ", KEY).decode()):
        with pytest.raises(NotificationRefused):
            ours.read_notification(body, {"hmacsignature": signature}, now=AT)
    header = {"HmacSignature": util.generate_payload_sig(body, KEY).decode()}
    assert util.is_valid_hmac_payload(header["HmacSignature"], KEY, body)
    [event] = ours.read_notification(body, header, now=AT)
    what = example["type"].rpartition(".")[2]
    news = {"updated": False, "disabled": True}
    assert event.kind is (EventKind.METHOD_UPDATED if what in news else EventKind.UNUSED)
    assert event.event_key == f"{example['type']}:{example['eventId']}"
    if what in news:
        assert event.saved is not None
        assert (event.saved.token, event.gone) == (example["data"]["storedPaymentMethodId"], news[what])
