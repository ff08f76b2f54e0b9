"""Why Adyen says no, in our words: its list of refusals, its error codes, the sentences of its notifications."""

import pytest

from payments.connectors import http
from payments.connectors.adyen import declines, mapping
from payments.connectors.base import Verdict
from payments.connectors.declines import DECLINES, Category

CODES = [str(code) for code in range(47)]
NEVER_AGAIN = ["5", "6", "14", "20", "22", "23", "25", "26", "31", "46"]


@pytest.mark.parametrize("code", CODES)
def test_every_refusal_code_has_our_word(code: str) -> None:
    assert declines.decline(code) == DECLINES[declines.DECLINE_CODES[code]]


@pytest.mark.parametrize("code", NEVER_AGAIN)
def test_what_adyen_calls_final_is_not_tried_again(code: str) -> None:
    decline = declines.decline(code)
    assert decline.category in {Category.HARD, Category.FRAUD}
    assert not decline.may_retry


def test_every_word_is_one_of_ours() -> None:
    words = set(declines.DECLINE_CODES.values()) | set(declines.ERROR_CODES.values())
    assert words <= set(DECLINES)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("Refused", "2"),
        ("Not enough balance", "12"),
        ("FRAUD", "20"),
        ("FRAUD-CANCELLED", "22"),
        ("CVC Declined", "24"),
        ("Current AID is in penalty box.", "40"),
        ("a reason of next year", ""),
        ("", ""),
        (None, ""),
        (["no", "text"], ""),
    ],
)
def test_a_reason_in_words_has_the_same_code(reason: object, code: str) -> None:
    assert declines.refusal_code(reason) == code
    if not code:
        assert declines.decline(code) == DECLINES["generic_decline"]


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("Insufficient balance on payment", "refund_exceeds_payment"),
        ("Transaction hasn't been captured, refund not possible", "refund_declined"),
        ("A chargeback was received", "refund_payment_disputed"),
        (None, "refund_declined"),
    ],
)
def test_why_a_refund_was_refused(reason: object, word: str) -> None:
    assert declines.refund_decline(reason) == DECLINES[word]


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("Insufficient balance on payment", "amount_not_supported"),
        ("Authorisation expired", "authorization_expired"),
        ("Transaction is cancelled", "request_refused"),
    ],
)
def test_why_a_capture_was_refused(reason: object, word: str) -> None:
    assert declines.capture_decline(reason) == DECLINES[word]


@pytest.mark.parametrize(
    ("status", "error", "verdict", "word"),
    [
        (400, {"errorCode": "702", "errorType": "validation"}, Verdict.DECLINED, "request_refused"),
        (401, {"errorCode": "000", "errorType": "security"}, Verdict.UNAVAILABLE, ""),
        (403, {"errorCode": "010", "errorType": "security"}, Verdict.UNAVAILABLE, ""),
        (404, {"errorCode": "167", "errorType": "validation"}, Verdict.DECLINED, "request_refused"),
        (404, {}, Verdict.UNKNOWN, ""),
        (409, {"errorCode": "704", "errorType": "validation"}, Verdict.UNKNOWN, ""),
        (422, {"errorCode": "101", "errorType": "validation"}, Verdict.DECLINED, "incorrect_number"),
        (422, {"errorCode": "103", "errorType": "validation"}, Verdict.DECLINED, "incorrect_cvc"),
        (422, {"errorCode": "174", "errorType": "validation"}, Verdict.DECLINED, "payment_method_invalid"),
        (422, {"errorCode": "704", "errorType": "validation"}, Verdict.UNKNOWN, ""),
        (422, {"errorCode": "905", "errorType": "internal"}, Verdict.UNKNOWN, ""),
        (422, {}, Verdict.UNKNOWN, ""),
        (429, {}, Verdict.UNAVAILABLE, ""),
        (302, {}, Verdict.UNKNOWN, ""),
        (500, {"errorCode": "905_1", "errorType": "configuration"}, Verdict.UNKNOWN, ""),
        (503, {}, Verdict.UNKNOWN, ""),
    ],
)
def test_what_each_error_answer_proves(status: int, error: dict[str, str], verdict: Verdict, word: str) -> None:
    outcome = mapping.failed(mapping.RefusedError(status, error), provider_reference="PSP1")

    assert outcome.verdict is verdict
    assert outcome.decline == (DECLINES[word] if word else None)
    assert (outcome.raw["http_status"], outcome.provider_reference) == (status, "PSP1")


def test_only_what_never_left_is_proof_among_the_failures() -> None:
    assert mapping.failed(http.UnsentError("refused")).verdict is Verdict.UNAVAILABLE
    assert mapping.failed(http.AmbiguousError("reset")).verdict is Verdict.UNKNOWN
    assert mapping.failed(mapping.UnreadableError("garbage")).verdict is Verdict.UNKNOWN


def test_an_error_does_not_tell_what_was_sent() -> None:
    error = {"errorCode": "101", "errorType": "validation", "message": "Invalid card number 4111111111111111"}
    failure = mapping.RefusedError(422, error)
    assert "4111" not in f"{failure} {mapping.failed(failure)}"
