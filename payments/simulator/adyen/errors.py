"""Adyen's error answers: HTTP status, errorCode, message, errorType."""

from typing import Any


class AdyenError(Exception):
    """An answer with Adyen's error object. Nothing was executed, so no Idempotency-Key keeps it."""

    def __init__(self, status: int, code: str, message: str, kind: str = "validation") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.kind = kind

    def body(self, psp_reference: str) -> dict[str, Any]:
        """The JSON body of the answer."""
        return {
            "status": self.status,
            "errorCode": self.code,
            "message": self.message,
            "errorType": self.kind,
            "pspReference": psp_reference,
        }


class InvalidError(AdyenError):
    """422: understood, and not acceptable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(422, code, message)


def unreadable(message: str) -> AdyenError:
    """400: not JSON, or not what the operation takes."""
    return AdyenError(400, "702", message)


def unauthorized() -> AdyenError:
    """401: no key, or a key nobody has."""
    return AdyenError(401, "000", "HTTP Status Response - Unauthorized", "security")


def forbidden() -> AdyenError:
    """403: the merchant account is not the key's."""
    return AdyenError(403, "901", "Invalid Merchant Account", "security")


def missing(message: str) -> AdyenError:
    """404: no such thing."""
    return AdyenError(404, "803", message)


def unknown_payment() -> AdyenError:
    """422: a modification of a payment that is not there."""
    return InvalidError("167", "Original pspReference required for this operation")


def key_in_use() -> AdyenError:
    """422: the first request with this key still runs."""
    return InvalidError("704", "request already processed or in progress")


def key_mismatch() -> AdyenError:
    """422: the key belongs to another request. The code is the simulator's own: Adyen documents none."""
    return InvalidError("705", "The Idempotency-Key was used for a request with other contents")


def unavailable(status: int) -> AdyenError:
    """A fault of the PSP itself, or too many requests."""
    message = "Too many requests" if status == 429 else "Internal error"
    return AdyenError(status, "905", message, "internal")
