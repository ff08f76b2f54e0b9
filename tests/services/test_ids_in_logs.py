"""Every line of the log says which request or job it belongs to, and which payment it is about."""

import io
import json
from typing import Any

import pytest

from payments.gateway import calls
from payments.kernel import jobs, unit
from payments.kernel.jobs import Queue
from tests import factories
from tests.services import conftest as services

sim, told = services.sim, services.told


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator) -> factories.Shop:
    """A client of the API."""
    return factories.shop()


def lines(told: io.StringIO, event: str) -> list[dict[str, Any]]:
    return [record for record in map(json.loads, told.getvalue().splitlines()) if record["event"] == event]


def test_a_request_says_its_payment(shop: factories.Shop, told: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    intent = shop.intent()
    sent = calls._sent

    def loud(*of: Any) -> Any:
        calls.log.warning("asked")
        return sent(*of)

    monkeypatch.setattr(calls, "_sent", loud)
    paid = shop.confirm(intent)
    [asked] = lines(told, "asked")
    assert asked["intent_id"] == intent["id"]
    assert asked["object_id"] == paid["latest_attempt"]["id"]
    assert asked["account"] == "stripe-us"
    assert asked["call_id"].startswith("call_")
    assert asked["request_id"].startswith("req_")
    shop.get(f"payment_intents/{intent['id']}")
    calls.log.warning("afterwards")
    [afterwards] = lines(told, "afterwards")
    assert not {"intent_id", "object_id", "request_id", "call_id"} & afterwards.keys()


def test_a_job_that_fails_says_what_it_was_about(shop: factories.Shop, told: io.StringIO) -> None:
    with unit.work():
        jobs.enqueue("process_inbound", inbound_id="in_" + "0" * 32)
    factories.work(Queue.WEBHOOKS)
    [failed] = lines(told, "job_failed")
    assert (failed["job"], failed["inbound_id"]) == ("process_inbound", "in_" + "0" * 32)
    assert failed["job_id"]
