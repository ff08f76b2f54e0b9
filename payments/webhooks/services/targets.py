"""Calling addresses that clients chose: public ones only, checked where the connection goes, bounded in every way."""

import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

import urllib3
import urllib3.connection
import urllib3.connectionpool
from django.conf import settings
from urllib3.exceptions import HTTPError

from payments.connectors import http
from payments.kernel import redaction, unit
from payments.webhooks import policy
from payments.webhooks.models import RESPONSE_BYTES

CONNECT_SECONDS: Final = 2.0
"""For each of at most `MAX_ADDRESSES` addresses of a name, and again for the TLS handshake."""
ANSWER_SECONDS: Final = 10.0
"""For the whole answer, however slowly it drips."""
MAX_ADDRESSES: Final = 3


class TargetRefusedError(Exception):
    """The name leads to an address that is not called."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answered: no `status` when there was no answer, and then why in `error`."""

    status: int | None
    error: str = ""
    excerpt: str = ""
    milliseconds: int | None = None

    @property
    def accepted(self) -> bool:
        """True when the endpoint has taken the event: any 2xx. A redirect is not followed and takes nothing."""
        return self.status is not None and self.status // 100 == 2

    @property
    def gone(self) -> bool:
        """True when the endpoint asks never to be called again."""
        return self.status == HTTPStatus.GONE


def loopback_allowed() -> bool:
    """True where receivers run beside us: development and tests, never production."""
    return bool(getattr(settings, "WEBHOOK_TARGETS_ON_LOOPBACK", False))


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float | None = None) -> Reply:
    """Send a POST once and read the beginning of the answer; what goes wrong on the way is a `Reply` too.

    The whole answer has `seconds`, else `ANSWER_SECONDS`.
    """
    unit.refuse_open_transaction("a webhook delivery")
    began = time.monotonic()
    reply = _post(url, body, headers, ANSWER_SECONDS if seconds is None else seconds)
    took = round((time.monotonic() - began) * 1000)
    return replace(reply, error=redaction.text(reply.error), excerpt=redaction.text(reply.excerpt), milliseconds=took)


def _post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> Reply:
    objection = policy.objection(url, loopback=loopback_allowed())
    if objection is not None:
        return Reply(None, objection)
    try:
        response = _pools.urlopen(
            "POST", url, body=body, headers=headers, redirect=False, preload_content=False, decode_content=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=seconds),
        )  # fmt: skip
    except TargetRefusedError as error:
        return Reply(None, str(error))
    except (OSError, HTTPError, ValueError) as error:  # ValueError: a name that IDNA cannot spell
        return Reply(None, _reason(error, seconds))
    return Reply(response.status, "", _excerpt(response).decode(errors="replace").replace("\0", "�"))


def _excerpt(response: urllib3.BaseHTTPResponse) -> bytes:
    """At most a kilobyte of the body. A longer one costs the connection, a shorter one leaves it for reuse.

    The status is the answer: a body that breaks off changes nothing.
    """
    found = b""
    try:
        while len(found) <= RESPONSE_BYTES and (part := response.read1(RESPONSE_BYTES + 1 - len(found))):
            found += part
    except (OSError, HTTPError):
        response.close()
    if len(found) > RESPONSE_BYTES:
        response.close()
    response.release_conn()
    return found[:RESPONSE_BYTES]


def _reason(error: Exception, seconds: float) -> str:
    """One line for the client who reads the list of deliveries."""
    match error:
        case urllib3.exceptions.NameResolutionError():
            return "the name is unknown"
        case urllib3.exceptions.NewConnectionError():
            return "no connection"
        case urllib3.exceptions.ConnectTimeoutError():
            return f"no connection within {CONNECT_SECONDS:.0f} s"
        case urllib3.exceptions.TimeoutError() | TimeoutError():
            return f"no answer within {seconds:.0f} s"
        case urllib3.exceptions.SSLError() | ssl.SSLError():
            return "TLS failed: the certificate or the protocol is not accepted"
        case _:
            return f"the connection broke: {type(error).__name__}"


def _connect(host: str, port: int) -> socket.socket:
    """A connection to one of the host's addresses, all of which were looked up once and found callable.

    What is checked is what is connected to, so that no second look-up can lead somewhere else (DNS rebinding).
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if not all(policy.may_call(str(address[0]), loopback=loopback_allowed()) for *_, address in found):
        raise TargetRefusedError("the name leads to an address that is not public")
    failure: OSError | None = None
    for family, kind, protocol, _, address in found[:MAX_ADDRESSES]:
        connection = http.Bounded(family, kind, protocol)
        try:
            connection.settimeout(CONNECT_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(address)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure or OSError("the name has no address")


class _Checked(urllib3.connection.HTTPConnection):
    """Connects to checked addresses only, and gives the whole answer one deadline."""

    def _new_conn(self) -> socket.socket:
        try:
            return _connect(self._dns_host, self.port)
        except socket.gaierror as error:
            raise urllib3.exceptions.NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise urllib3.exceptions.ConnectTimeoutError(self, "timed out") from error
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(self, str(error)) from error

    def getresponse(self) -> Any:
        connected: Any = self.sock  # a Bounded, by _new_conn or by the TLS context
        connected.deadline = time.monotonic() + self.timeout  # type: ignore[operator]  # the pool sets `seconds`
        return super().getresponse()


class _CheckedTls(_Checked, urllib3.connection.HTTPSConnection):
    """The same for https; the certificate is checked against the name."""


class _Pool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _Checked


class _TlsPool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _CheckedTls


def _open_pools() -> urllib3.PoolManager:
    context = ssl.create_default_context()
    context.sslsocket_class = http.BoundedTls
    pools = urllib3.PoolManager(
        num_pools=100,
        maxsize=4,
        retries=False,
        ssl_context=context,
    )
    pools.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return pools


_pools: Final = _open_pools()
