"""Stripe's SDK on our own HTTP client."""

import logging
from collections.abc import Mapping
from typing import Any

import stripe

from payments.connectors import answers, http
from payments.connectors.stripe import mapping

logger = logging.getLogger(__name__)

stripe.enable_telemetry = False  # it would write a file to the home directory and time our requests for Stripe
logging.getLogger("stripe").setLevel(logging.WARNING)  # at DEBUG the SDK logs whole bodies


class Transport(stripe.HTTPClient):
    """The SDK's requests on our client. An error answer leaves as our exception, before the SDK interprets it."""

    name = "countinghouse"

    def __init__(self, client: http.Client, account: str, gate: http.Gate = http.OPEN) -> None:
        super().__init__()
        self._gate = gate
        self._client = client
        self._account = account

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        answer = self._client.send(method.upper(), url, headers or {}, post_data)
        content = answers.content(answer)
        if answer.status in {401, 403}:
            logger.error("Stripe refuses the API key of the account %s: HTTP %s", self._account, answer.status)
        if not 200 <= answer.status < 300:
            error = content.get("error")
            error = error if isinstance(error, dict) else {}
            if answer.status == 429 and error.get("code") != mapping.LOCKED:
                self._gate.refused()
            raise mapping.RefusedError(
                answer.status,
                error,
                replayed=answer.headers.get("Idempotent-Replayed") == "true",
                request_id=answer.headers.get("Request-Id", ""),
            )
        if not content:
            raise mapping.UnreadableError(f"HTTP {answer.status} without a JSON object")
        return answer.body.decode(), answer.status, answer.headers

    def close(self) -> None:
        """Connections belong to the shared client."""
