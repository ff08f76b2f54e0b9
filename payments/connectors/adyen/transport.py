"""Adyen's SDK on our own HTTP client."""

import logging
import re
from collections.abc import Mapping
from typing import Any, Final

import Adyen
import orjson
from Adyen.services.checkout import modifications_api, payments_api, recurring_api
from Adyen.services.disputes import disputes_api

from payments.connectors import answers, http
from payments.connectors.adyen import mapping
from payments.kernel.errors import Bug

logger = logging.getLogger(__name__)

READ: Final = frozenset([200, 201, 202, 204])
"""What the SDK takes for a success; of any other status it would make an exception that tells whole bodies."""

EMPTY: Final = 204


class Transport:
    """Takes the place of the SDK's own client, which would open a connection per call, or fall back to urllib.

    An error answer leaves as our exception, before the SDK interprets it.
    """

    user_agent = "countinghouse adyen-python-api-library"

    def __init__(self, client: http.Client, account: str, gate: http.Gate = http.OPEN) -> None:
        self._client = client
        self._gate = gate
        self._account = account

    def request(
        self, method: str, url: str, *, json: Any = None, xapikey: str = "", headers: Mapping[str, str] | None = None
    ) -> tuple[str, None, int, Mapping[str, str]]:
        """What the SDK expects of its client; the request is not given back, so that nothing can tell it on."""
        sent = {**(headers or {}), "x-api-key": xapikey, "Content-Type": "application/json"}
        answer = self._client.send(method, url, sent, orjson.dumps(json) if json is not None else b"")
        content = answers.content(answer)
        if answer.status in {401, 403}:
            logger.error("Adyen refuses the API key of the account %s: HTTP %s", self._account, answer.status)
        if answer.status == 429:
            self._gate.refused()
        if not 200 <= answer.status < 300:
            raise mapping.RefusedError(answer.status, content)
        if answer.status not in READ or not (content or answer.status == EMPTY):
            raise mapping.UnreadableError(f"HTTP {answer.status} without a JSON object that says something")
        return answer.body.decode(), None, answer.status, answer.headers


class _Client(Adyen.AdyenClient):  # type: ignore[misc]  # untyped
    """The SDK's client with our transport and our address, which it neither rewrites nor looks for a version in."""

    def __init__(self, transport: Transport, api_key: str) -> None:
        super().__init__(xapikey=api_key, platform="test")
        self.http_client = transport
        self.http_init = True

    def _init_http_client(self) -> None:
        raise Bug("the SDK must not make a client of its own")

    def _determine_api_url(self, platform: str, endpoint: str) -> str:  # noqa: ARG002  the SDK's signature
        """As it is: the SDK would replace every `-live` by `-test` or the other way round, in references too."""
        return endpoint


class Services:
    """The services of Adyen that we speak to: three of its Checkout API at one address, and disputes at another."""

    def __init__(self, transport: Transport, *, api_key: str, base_url: str, disputes_url: str) -> None:
        client = _Client(transport, api_key)
        self.payments: Any = payments_api.PaymentsApi(client=client)
        self.modifications: Any = modifications_api.ModificationsApi(client=client)
        self.recurring: Any = recurring_api.RecurringApi(client=client)
        for service in (self.payments, self.modifications, self.recurring):
            service.baseUrl = base_url
        self.disputes: Any = disputes_api.DisputesApi(client=client)
        self.disputes.baseUrl = disputes_url


DISPUTES: Final = "/ca/services/DisputeService/v30"


def disputes_address(*, livemode: bool, base_url: str | None) -> str:
    """Where Adyen's Disputes API answers: one address for all companies and regions, or beside another Checkout.

    docs.adyen.com/development-resources/live-endpoints. Where Checkout is `…/v72`, disputes are `…/ca/services/…`.
    """
    if base_url:
        return re.sub(r"/v[0-9]+$", "", base_url) + DISPUTES
    test: str = disputes_api.DisputesApi(client=Adyen.AdyenClient()).baseUrl
    return str(Adyen.AdyenClient()._determine_api_url("live", test)) if livemode else test


def address(*, livemode: bool, prefix: str, region: str) -> str:
    """Where Adyen's Checkout API answers: by the SDK's own rule, and in another region than Europe by its name.

    docs.adyen.com/development-resources/live-endpoints: `<prefix>-checkout-live[-us|-au|-apse|-in].adyenpayments.com`.
    """
    test: str = payments_api.PaymentsApi(client=Adyen.AdyenClient()).baseUrl
    if not livemode:
        return test
    if not prefix:
        raise Bug("a live account at Adyen has a prefix of its own (…_LIVE_PREFIX)")
    live: str = Adyen.AdyenClient(live_endpoint_prefix=prefix)._determine_api_url("live", test)
    return live.replace("-checkout-live.", f"-checkout-live-{region}.", 1) if region else live
