"""Disputes: opened by the holder's name, followed by notifications, answered through the Disputes API."""

from typing import Any

import pytest

from tests.simulator import process
from tests.simulator.adyen import schema
from tests.simulator.adyen.merchant import Inbox, Merchant, card

DAY = 86_400


def call(merchant: Merchant, what: str, psp: str, **more: Any) -> dict[str, Any]:
    """One call of the Disputes API."""
    body = {"merchantAccountCode": merchant.name, "disputePspReference": psp, **more}
    path = f"/adyen/ca/services/DisputeService/v30/{what}"
    answer = merchant.simulator.ask("POST", path, body, {"X-API-Key": merchant.key})
    schema.check(schema.DISPUTES, "POST", f"/{what}", answer.status, answer.json())
    found: dict[str, Any] = answer.json()
    return found


def defend(merchant: Merchant, psp: str) -> None:
    """Supply the document, then defend."""
    assert not call(merchant, "defendDispute", psp, defenseReasonCode="SERVICES_PROVIDED")["disputeServiceResult"][
        "success"
    ]
    reasons = call(merchant, "retrieveApplicableDefenseReasons", psp)["defenseReasons"]
    code = reasons[0]["defenseDocumentTypes"][0]["defenseDocumentTypeCode"]
    document = {"defenseDocumentTypeCode": code, "contentType": "application/pdf", "content": "JVBERi0="}
    for _ in range(2):
        assert call(merchant, "supplyDefenseDocument", psp, defenseDocuments=[document])["disputeServiceResult"][
            "success"
        ]
        removed = call(merchant, "deleteDisputeDefenseDocument", psp, defenseDocumentType=code)
        assert removed["disputeServiceResult"]["success"]
    call(merchant, "supplyDefenseDocument", psp, defenseDocuments=[document])
    done = call(merchant, "defendDispute", psp, defenseReasonCode=reasons[0]["defenseReasonCode"])
    assert done["disputeServiceResult"]["success"]


def opened(merchant: Merchant, inbox: Inbox, word: str, event: str = "NOTIFICATION_OF_CHARGEBACK") -> dict[str, Any]:
    """The first notification of a dispute about a captured payment."""
    merchant.pay(card(holderName=word))
    merchant.simulator.advance(2)
    return inbox.wait(event)


def test_a_chargeback_that_nobody_answers(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    first = opened(merchant, inbox, "CHARGEBACK")
    assert (first["additionalData"]["defendable"], first["amount"]["value"]) == ("true", 2_000)
    assert merchant.line(first["pspReference"])["amount_deducted"] == 0
    own.advance(3_600)
    item = inbox.wait("CHARGEBACK")
    assert (item["pspReference"], item["originalReference"]) == (first["pspReference"], first["originalReference"])
    assert merchant.line(item["pspReference"])["amount_deducted"] == 2_000
    refund = merchant.change(item["originalReference"], "refunds", 100)
    assert inbox.wait("REFUND", refund["pspReference"])["success"] == "false", "the money has gone already"
    own.advance(14 * DAY)
    assert inbox.wait("DISPUTE_DEFENSE_PERIOD_ENDED")["additionalData"]["disputeStatus"] == "Lost"
    line = merchant.line(item["pspReference"])
    assert (line["object"], line["status"], line["payment"]) == ("dispute", "lost", item["originalReference"])


def test_a_chargeback_defended(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    psp = opened(merchant, inbox, "CHARGEBACK")["pspReference"]
    own.advance(3_600)
    inbox.wait("CHARGEBACK")
    defend(merchant, psp)
    assert inbox.wait("INFORMATION_SUPPLIED")["additionalData"]["disputeStatus"] == "Pending"
    own.advance(DAY)
    assert inbox.wait("CHARGEBACK_REVERSED")["pspReference"] == psp
    assert merchant.line(psp)["amount_deducted"] == 0
    own.advance(20 * DAY)
    assert merchant.line(psp)["status"] == "won"


def test_accepted_before_and_after_the_money_is_gone(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    early = opened(merchant, inbox, "CHARGEBACK")["pspReference"]
    assert call(merchant, "acceptDispute", early)["disputeServiceResult"]["success"]
    assert inbox.wait("CHARGEBACK", early)
    assert not call(merchant, "acceptDispute", early)["disputeServiceResult"]["success"]
    merchant.pay(card(holderName="CHARGEBACK"))
    own.advance(2)
    own.advance(3_600)
    late = process.until(lambda: [i for i in inbox.items() if i["eventCode"] == "CHARGEBACK"][1:], "another")[0]
    assert call(merchant, "acceptDispute", late["pspReference"])["disputeServiceResult"]["success"]
    own.advance(30 * DAY)
    assert [line["amount_deducted"] for line in merchant.lines("dispute")] == [2_000, 2_000]
    assert {line["status"] for line in merchant.lines("dispute")} == {"accepted"}


@pytest.mark.parametrize(
    ("word", "events", "deducted"),
    [
        ("CHARGEBACK_WON", ["CHARGEBACK", "CHARGEBACK_REVERSED"], 0),
        ("CHARGEBACK_LOST", ["CHARGEBACK", "CHARGEBACK_REVERSED", "SECOND_CHARGEBACK"], 2_000),
        (
            "PREARBITRATION_WON",
            ["CHARGEBACK", "CHARGEBACK_REVERSED", "PREARBITRATION_OPEN", "PREARBITRATION_WON"],
            0,
        ),
        (
            "PREARBITRATION_LOST",
            ["CHARGEBACK", "CHARGEBACK_REVERSED", "PREARBITRATION_OPEN", "SECOND_CHARGEBACK", "PREARBITRATION_LOST"],
            2_000,
        ),
    ],
)
def test_disputes_that_go_their_way(
    own: process.Simulator, inbox: Inbox, word: str, events: list[str], deducted: int
) -> None:
    merchant = Merchant(own, inbox)
    psp = opened(merchant, inbox, word)["pspReference"]
    own.advance(60 * DAY)
    for event in events:
        assert inbox.wait(event)["pspReference"] == psp
    line = merchant.line(psp)
    assert (line["status"], line["amount_deducted"]) == ("lost" if deducted else "won", deducted)


def test_a_request_for_information(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    answered = opened(merchant, inbox, "REQUEST_FOR_INFORMATION", "REQUEST_FOR_INFORMATION")["pspReference"]
    defend(merchant, answered)
    merchant.pay(card(holderName="REQUEST_FOR_INFORMATION"))
    own.advance(20 * DAY)
    ignored = inbox.wait("CHARGEBACK")["pspReference"]
    assert ignored != answered
    assert merchant.line(answered)["amount_deducted"] == 0
    assert merchant.line(answered)["status"] == "won"


def test_a_report_of_fraud_moves_nothing(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    opened(merchant, inbox, "NOTIFICATION_OF_FRAUD", "NOTIFICATION_OF_FRAUD")
    assert merchant.lines("dispute") == []


def test_a_debit_charged_back_cannot_be_defended(own: process.Simulator, inbox: Inbox) -> None:
    merchant = Merchant(own, inbox)
    merchant.pay({"type": "sepadirectdebit", "iban": "NL13TEST0123456789", "ownerName": "chargeback:MS03"})
    own.advance(12)
    own.advance(3_600)
    item = inbox.wait("CHARGEBACK")
    assert item["additionalData"]["defendable"] == "false"
    refused = call(merchant, "retrieveApplicableDefenseReasons", item["pspReference"])
    assert not refused["disputeServiceResult"]["success"]


def test_a_defense_may_have_two_documents_and_needs_the_first(merchant: Merchant, inbox: Inbox) -> None:
    psp = opened(merchant, inbox, "CHARGEBACK")["pspReference"]

    def supply(*codes: str) -> bool:
        documents = [
            {"defenseDocumentTypeCode": code, "contentType": "application/pdf", "content": "JVBERi0="} for code in codes
        ]
        result = call(merchant, "supplyDefenseDocument", psp, defenseDocuments=documents)["disputeServiceResult"]
        return bool(result["success"])

    def defended() -> bool:
        result = call(merchant, "defendDispute", psp, defenseReasonCode="SERVICES_PROVIDED")["disputeServiceResult"]
        return bool(result["success"])

    assert [supply(), supply("Poem"), supply("TIDorInvoice"), defended()] == [False, False, True, False]
    assert [supply("TIDorInvoice", "DefenseMaterial"), defended(), defended()] == [True, True, False]


def test_no_such_dispute(merchant: Merchant) -> None:
    verbs = ("retrieveApplicableDefenseReasons", "acceptDispute", "defendDispute")
    for verb in verbs:
        more = {"defenseReasonCode": "SERVICES_PROVIDED"} if verb == "defendDispute" else {}
        result = call(merchant, verb, "NOBODY", **more)["disputeServiceResult"]
        assert result == {"success": False, "errorMessage": "Unknown dispute"}
