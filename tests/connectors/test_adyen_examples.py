"""Adyen's own 42 examples of notifications: each is accepted once it is signed, or it is said why not."""

import copy
import json
import os
from pathlib import Path
from typing import Any, Final

import pytest
from Adyen import util

from payments.connectors.adyen import webhooks
from payments.connectors.base import EventKind, NotificationRefused
from tests.connectors.letters import AT, KEY, account, signed, told

SPECS: Final = Path(__file__).resolve().parents[3] / "shared/reference/specs"


def examples() -> dict[str, dict[str, Any]]:
    path = SPECS / "adyen-webhooks.openapi.json"
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{path} is missing")
        return {}
    found = json.loads(path.read_text())["components"]["examples"]
    return {name.removeprefix("post-"): example["value"] for name, example in found.items()}


EXAMPLES: Final = examples()


def test_all_of_them_are_here() -> None:
    assert len(EXAMPLES) in {0, 42}


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_published_example_is_accepted_once_it_is_signed(name: str) -> None:
    example = copy.deepcopy(EXAMPLES[name])
    if "notificationItems" not in example:
        body = json.dumps(example).encode()
        header = {"hmacsignature": util.generate_payload_sig(body, KEY).decode()}
        [event] = account().read_notification(body, header, now=AT)
        assert event.kind is EventKind.UNUSED
        return
    [wrapped] = example["notificationItems"]
    about = wrapped["NotificationRequestItem"]
    ours = account(livemode=example["live"] == "true", merchant=about["merchantAccountCode"])
    with pytest.raises(NotificationRefused):
        ours.read_notification(told(about, live=example["live"]), {}, now=AT)  # the printed signatures are made up
    [event] = ours.read_notification(told(signed(about), live=example["live"]), {}, now=AT)

    assert event.type == about["eventCode"]
    assert event.kind is webhooks.KINDS.get(about["eventCode"], EventKind.UNUSED)
    by_hand = about["eventCode"] in {"CANCEL_OR_REFUND", "AUTHORISATION_ADJUSTMENT"}
    assert bool(event.problem) == by_hand
    of_a_method = event.kind is EventKind.METHOD_UPDATED
    assert (event.saved is not None) == of_a_method
    assert (event.outcome is not None) == (event.kind is not EventKind.UNUSED and not by_hand and not of_a_method)


def test_every_kind_that_adyen_documents_has_a_room_or_is_kept() -> None:
    documented = set(json.loads((SPECS / "adyen-webhooks.openapi.json").read_text())["webhooks"]) if EXAMPLES else set()
    if documented:
        assert {f"/{code}" for code in webhooks.KINDS} <= documented
