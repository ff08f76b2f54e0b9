"""No secret and no card number reaches a log, whoever writes it and wherever in the record it stands."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from django.test import RequestFactory

from config import logs
from payments.kernel import redaction

SECRETS = [
    "sk_" + "live_51HyperSecretKeyOfAnAccount",
    "rk_" + "test_51HyperSecretKeyOfAnAccount",
    "pk_" + "live_51HyperSecretKeyOfAnAccount",
    "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "4242424242424242",
    "4242 4242 4242 4242",
    "3782-822463-10005",
    "6011111111111117",
    "5555555555554444",
]


@pytest.fixture(params=["json", "console"])
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """What reaches the output of the house's formatter."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter(request.param))
    logger = logging.getLogger("redaction")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield stream
    logger.removeHandler(handler)
    logger.propagate = True


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_are_hidden_wherever_they_stand(written: io.StringIO, secret: str) -> None:
    ours = structlog.stdlib.get_logger("redaction")
    theirs = logging.getLogger("redaction")

    ours.info(f"charged {secret} today", field=secret, deep={"list": [secret, {"key": secret}]}, raw=secret.encode())
    ours.bind(**{f"with {secret}": 1}).warning("in a name")
    theirs.info("their argument: %s", secret, extra={"and_extra": {"x": secret}})
    try:
        raise ValueError(secret)
    except ValueError:
        ours.exception("failed")
        theirs.exception("failed")

    text = written.getvalue()
    assert text.count("[hidden]") + text.count("[card number]") >= 9
    assert secret not in text
    assert secret[-10:] not in text


@pytest.mark.parametrize(
    "name",
    ["password", "api_key", "X-API-Key", "Authorization", "client_secret", "webhook_secret", "csrf_token", "cvc"],
)
def test_a_field_named_for_a_secret_is_hidden_whatever_it_holds(name: str) -> None:
    assert redaction.redact({name: "plain"}) == {name: redaction.HIDDEN}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("redis://:hunter2@cache:6379/0", "redis://:[hidden]@cache:6379/0"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [hidden]"),
        ("?api_key=abcdef&x=1", "?api_key=[hidden]&x=1"),
        (4242424242424242, "[card number]"),
    ],
)
def test_credentials_inside_text_are_hidden(text: str | int, cleaned: str) -> None:
    assert redaction.redact(text) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "pay_01jd9x8h5tq7k0",
        "8815658961765250",  # a PSP reference
        "4242424242424241",  # no card: the check digit is wrong
        "0193e5a2-7b1c-7000-8000-424242424242",
        "2026-11-22T05:48:03.123456Z",
        "pi_424242424242424242424242",
        "task_skipped",
    ],
)
def test_what_people_search_for_stays_readable(text: str) -> None:
    assert redaction.redact(text) == text


def test_a_record_is_one_line_of_json_with_its_context() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.formatter("json"))
    logger = logging.getLogger("one.line")
    logger.addHandler(handler)
    logger.propagate = False

    with structlog.contextvars.bound_contextvars(request_id="req_1"):
        logger.warning("paid\ntwice", extra={"amount": 5})
    logger.removeHandler(handler)

    [line] = stream.getvalue().splitlines()
    record = json.loads(line)
    assert (record["event"], record["level"], record["request_id"], record["amount"]) == (
        "paid\ntwice", "warning", "req_1", 5,
    )  # fmt: skip


def test_what_somebody_searched_for_is_in_no_log(written: io.StringIO) -> None:
    request = RequestFactory().get("/admin/search", {"q": "ada@example.com"})
    logging.getLogger("redaction").error("Internal Server Error: %s", request.path, extra={"request": request})
    assert "/admin/search" in written.getvalue()
    assert "ada" not in written.getvalue()
