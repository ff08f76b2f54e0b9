"""Stripe's error answers: type, code, parameter, message and HTTP status."""

from typing import Any

DOCS = "https://docs.stripe.com/error-codes/"


class StripeError(Exception):
    """An answer with an error object. `executed`: the endpoint had begun, so idempotency keeps the answer."""

    executed = True

    def __init__(self, status: int, kind: str, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"type": kind, "message": message}
        self.error.update({name: value for name, value in fields.items() if value is not None})
        if "code" in self.error:
            self.error["doc_url"] = DOCS + self.error["code"].replace("_", "-")

    def body(self, request_id: str) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {"error": {**self.error, "request_log_url": f"https://dashboard.stripe.com/test/logs/{request_id}"}}


class InvalidError(StripeError):
    """The parameters do not pass; nothing was executed and nothing is stored."""

    executed = False

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(400, "invalid_request_error", message, param=param, code=code)


class RefusedError(StripeError):
    """The request is well formed and the state of things forbids it."""

    def __init__(self, message: str, code: str | None = None, param: str | None = None, **fields: Any) -> None:
        super().__init__(400, "invalid_request_error", message, code=code, param=param, **fields)


class MissingError(StripeError):
    """No such object: 404 for the one in the path, 400 for one named by a parameter."""

    executed = False

    def __init__(self, noun: str, object_id: str, param: str = "id", status: int = 404) -> None:
        super().__init__(
            status,
            "invalid_request_error",
            f"No such {noun}: '{object_id}'",
            code="resource_missing",
            param=param,
        )


def unauthorized(message: str) -> StripeError:
    """401: no key, or a key nobody has."""
    error = StripeError(401, "invalid_request_error", message)
    error.executed = False
    return error


def unavailable(status: int, message: str) -> StripeError:
    """A fault of the PSP itself."""
    return StripeError(status, "api_error", message)


def rate_limited() -> StripeError:
    """429 before anything happened."""
    error = StripeError(
        429,
        "invalid_request_error",
        "Too many requests hit the API too quickly. We recommend an exponential backoff of your requests.",
        code="rate_limit",
    )
    error.executed = False
    return error
