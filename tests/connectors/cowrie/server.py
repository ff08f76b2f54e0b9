"""Cowrie, a PSP that nobody has heard of: its server over real HTTP, with a book of truth and faults on demand."""

import hashlib
import json
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

Json = dict[str, Any]

CARDS: Final = {"shell_good": "", "shell_ask": "ask", "shell_slow_refund": "", "shell_poor": "no_pearls",
                "shell_broken": "cracked", "shell_thief": "stolen", "shell_old": "worn"}  # fmt: skip
"""Its test tokens, and what becomes of a payment with each: "" is taken, "ask" asks the customer, else the refusal."""

BEFORE: Final = {"error_500_before": 500, "error_503_before": 503, "rate_limit_429": 429}


class RefusedError(Exception):
    """What the server does not do, and why."""


@dataclass
class Server:
    """One account. All that it does is under one lock; a repeated key gets its first answer."""

    payments: dict[str, Json] = field(default_factory=dict)
    kept: dict[str, Json] = field(default_factory=dict)
    answered: dict[str, tuple[str, int, Json]] = field(default_factory=dict)
    faults: list[Json] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def start(self) -> str:
        """Listen on 127.0.0.1; where."""
        handler = type("Handler", (_Handler,), {"ours": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return f"http://127.0.0.1:{self._http.server_port}"

    def stop(self) -> None:
        """Listen no longer."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(120)

    def fault(self, operation: str) -> Json:
        """Take the fault that is meant for this operation, {} when there is none."""
        with self._lock:
            for place, wish in enumerate(self.faults):
                if wish["operation"] == operation:
                    return self.faults.pop(place)
        return {}

    def once(self, key: str, asked: Json, act: Callable[[], Json]) -> tuple[int, Json]:
        """The answer to a request; with a key, the first one that it got."""
        with self._lock:
            about = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
            known = self.answered.get(key)
            if known is not None:
                return (known[1], known[2]) if known[0] == about else (422, {"error": "key_used_twice"})
            try:
                status, answer = 200, json.loads(json.dumps(act()))
            except RefusedError as refusal:
                status, answer = 402, {"error": str(refusal)}
            if key:
                self.answered[key] = about, status, answer
            return status, answer

    # --- what it does ---

    def pay(self, asked: Json) -> Json:
        """Take or reserve money, or ask the customer."""
        card = self.kept.get(asked["token"], {}).get("card", asked["token"])
        if card not in CARDS:
            raise RefusedError("no_such_shell")
        fate = CARDS[card]
        row = {name: asked[name] for name in ("reference", "amount", "currency", "capture", "token", "return_url")}
        row |= {"id": f"cw_{len(self.payments) + 1}", "captured": 0, "refunds": [], "adjusted": [], "refusal": ""}
        self.payments[row["id"]] = row
        if fate == "ask" and not asked["off_session"]:
            row["status"] = "asked"
        elif fate:
            row |= {"status": "refused", "refusal": "ask_first" if fate == "ask" else fate}
        else:
            self._take(row)
            row["kept"] = self._keep(card, asked["save_for"]) if asked["save_for"] else None
        return row

    def _keep(self, card: str, shopper: str) -> Json:
        """The same card of the same shopper is kept once."""
        token = f"kept_{hashlib.sha256(f'{shopper}:{card}'.encode()).hexdigest()[:12]}"
        shown = {"brand": "visa", "last4": "4242", "month": 3, "year": 2030}
        return self.kept.setdefault(token, {"token": token, "card": card, "shopper": shopper, **shown})

    def forget(self, token: str) -> Json:
        """Twice is once."""
        self.kept.pop(token, None)
        return {"kept": False}

    def _take(self, row: Json) -> None:
        row |= {"status": "taken", "captured": row["amount"]} if row["capture"] else {"status": "reserved"}

    def answer(self, row: Json, word: str) -> Json:
        """The customer has pressed a button; once."""
        if row["status"] == "asked" and word == "yes":
            self._take(row)
        elif row["status"] == "asked":
            row |= {"status": "refused", "refusal": "not_confirmed"}
        return row

    def capture(self, row: Json, asked: Json) -> Json:
        """Take reserved money; the rest is released."""
        if row["status"] != "reserved":
            raise RefusedError("not_reserved")
        if asked["amount"] > row["amount"]:
            raise RefusedError("too_much")
        row |= {"status": "taken", "captured": asked["amount"]}
        return row

    def cancel(self, row: Json, _asked: Json) -> Json:
        """Release what is reserved, or ask the customer no longer."""
        if row["status"] not in ("reserved", "asked", "gone"):
            raise RefusedError("too_late")
        row["status"] = "gone"
        return row

    def adjust(self, row: Json, asked: Json) -> Json:
        """Reserve another amount, or the same one for longer."""
        if row["status"] != "reserved":
            raise RefusedError("not_reserved")
        row |= {"amount": asked["amount"], "adjusted": [*row["adjusted"], asked["key"]]}
        return row

    def reverse(self, row: Json, asked: Json) -> Json:
        """Release what is reserved, or give back what is left of what was taken."""
        if row["status"] != "taken":
            return self.cancel(row, asked)
        left = row["captured"] - sum(one["amount"] for one in row["refunds"] if one["status"] != "back")
        if left <= 0:
            raise RefusedError("more_than_taken")
        self.refund(row, {"amount": left, "currency": row["currency"], "reference": asked["reference"]})
        return row

    def refund(self, row: Json, asked: Json) -> Json:
        """Give money back, no more than was taken."""
        if row["captured"] - sum(one["amount"] for one in row["refunds"] if one["status"] != "back") < asked["amount"]:
            raise RefusedError("more_than_taken")
        slow = row["token"] == "shell_slow_refund"
        made = {"id": f"{row['id']}_{len(row['refunds']) + 1}", "status": "under_way" if slow else "done", **asked}
        row["refunds"].append(made)
        return made


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ours: Server

    def do_GET(self) -> None:
        where = urllib.parse.urlsplit(self.path)
        wanted = dict(urllib.parse.parse_qsl(where.query))
        with self.ours._lock:
            known = self.ours.kept if where.path == "/kept" else self.ours.payments
            self._say(200, {"found": [row for row in known.values() if wanted.items() <= row.items()]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _, _, payment, operation = f"{self.path}//".split("/")[:4]
        operation = operation or "pay"
        fault = self.ours.fault(operation)
        kind = fault.get("fault", "")
        if kind == "hang":
            time.sleep(fault["seconds"])
        if kind in BEFORE:
            self._say(BEFORE[kind], {"error": kind})
            return
        if kind == "reset_before":
            self._break()
            return
        status, answer = self._done(operation, payment, asked, fault)
        if kind == "reset_after":
            self._break()
        elif kind == "garbage_200":
            self._send(200, b"<html>")
        else:
            self._say(500 if kind == "error_500_after" else status, answer)

    def _done(self, operation: str, payment: str, asked: Json, fault: Json) -> tuple[int, Json]:
        meant = dict(asked, amount=asked["amount"] + fault["delta"]) if fault.get("fault") == "wrong_amount" else asked

        def act() -> Json:
            if operation == "pay":
                return self.ours.pay(meant)
            if operation == "forget":
                return self.ours.forget(payment)
            row = self.ours.payments[payment]
            if operation == "answer":
                return self.ours.answer(row, meant["word"])
            done: Json = getattr(self.ours, operation)(row, meant)
            if fault.get("fault") == "bounced_refund":
                row["refunds"][-1]["status"] = "back"
                return {**done, "status": "done"}
            return done

        return self.ours.once(self.headers.get("Cowrie-Key", ""), asked, act)

    def _break(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _say(self, status: int, answer: Json) -> None:
        self._send(status, json.dumps(answer).encode())

    def _send(self, status: int, body: bytes) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:  # an impatient client has gone
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Be quiet."""
