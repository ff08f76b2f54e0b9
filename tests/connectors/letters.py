"""Notifications as Adyen writes and signs them, and an account that they are for."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from Adyen import util

from payments.connectors.adyen import connector

KEY: Final = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
OLD_KEY: Final = "00" * 32
AT: Final = datetime(2026, 11, 25, tzinfo=UTC)
MERCHANT: Final = "TestMerchant"
Item = dict[str, Any]


def account(*keys: str, livemode: bool = False, merchant: str = MERCHANT) -> connector.AdyenConnector:
    return connector.AdyenConnector(
        connector.Settings(
            account="adyen-eu",
            api_key="AQE_unused",
            client_key="test_unused",
            hmac_keys=keys or (KEY,),
            merchant_account=merchant,
            base_url="http://127.0.0.1:9",
            livemode=livemode,
            interactive=True,
        )
    )


def signed(item: Item, key: str = KEY) -> Item:
    """The item as Adyen's own helper signs it."""
    signature = util.generate_notification_sig(item, key).decode()
    return {**item, "additionalData": {**(item.get("additionalData") or {}), "hmacSignature": signature}}


def told(*items: Item, live: str = "false") -> bytes:
    return json.dumps({"live": live, "notificationItems": [{"NotificationRequestItem": i} for i in items]}).encode()


def item(code: str, *, success: str = "true", **change: Any) -> Item:
    """A notification about a modification of a payment of 30.00 EUR."""
    whole = {
        "pspReference": "MOD1",
        "originalReference": "PSP1",
        "merchantAccountCode": MERCHANT,
        "merchantReference": "ours",
        "amount": {"value": 3000, "currency": "EUR"},
        "eventCode": code,
        "eventDate": "2026-11-25T01:00:00+01:00",
        "success": success,
        "reason": "",
    }
    return {name: value for name, value in (whole | change).items() if value is not None}
