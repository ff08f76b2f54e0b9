"""Where the shopper answers, and where whoever runs the simulator answers instead."""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response

from payments.simulator import pages
from payments.simulator.adyen import (
    answers,
    authorising,
    cards,
    currencies,
    errors,
    methods,
    objects,
    refusals,
    sessions,
    waiting,
)
from payments.simulator.adyen.shop import Shop

BUTTONS = {"success": "Complete", "fail": "Fail", "cancel": "Cancel"}
# A counter or an app of a bank knows no way back.
SHORT = {"success": "Pay", "fail": "Fail"}

NATIVE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>3-D Secure</title></head>
<body>
<p>threeDSResult: <output id="result">{result}</output></p>
<script>window.parent.postMessage({{threeDSResult: "{result}"}}, "*")</script>
</body>
</html>
"""
Act = Callable[[Shop, objects.Payment], bool]
ACTIONS: Mapping[str, Act] = {
    "pay": authorising.pay,
    "fail": authorising.fail,
    "cancel": lambda shop, payment: authorising.fail(shop, payment, refusals.SHOPPER_CANCELLED),
    "expire": authorising.close_offer,
}
PRESSED = {"success": "pay", "fail": "fail", "cancel": "cancel"}


# What the hosted page of a session pays with: a card that works, and one that does not.
CARD = {
    "type": "scheme",
    "number": cards.PLAIN.number,
    "expiryMonth": cards.MONTH,
    "expiryYear": cards.YEAR,
    "cvc": cards.PLAIN.cvc,
}


def find(shops: Mapping[str, Shop], psp: str) -> tuple[Shop, objects.Payment] | None:
    """Whose payment it is."""
    for shop in shops.values():
        payment = shop.find(objects.Payment, psp)
        if payment is not None:
            return shop, payment
    return None


class Pages:
    """GET shows the page; POST result=success|fail|cancel answers it and sends the shopper back."""

    def __init__(self, shops: dict[str, Shop]) -> None:
        self._shops = shops

    async def show(self, request: Request) -> Response:
        """The page with its buttons."""
        found = find(self._shops, request.path_params["psp"])
        if found is None:
            return PlainTextResponse("No such payment.", 404)
        payment = found[1]
        title, words = f"Pay with {methods.METHODS[payment.method].name}", "Do you want to pay?"
        if payment.card:
            title, words = "3-D Secure", "Your bank asks you to confirm this payment."
        amount = f"{currencies.major(payment.amount, payment.currency)} {payment.currency}"
        buttons = BUTTONS if payment.step == "redirect" else SHORT
        return HTMLResponse(pages.question(title, words, amount, payment.id, buttons))

    async def answer(self, request: Request) -> Response:
        """The shopper pressed a button; a second answer changes nothing."""
        found = find(self._shops, request.path_params["psp"])
        result = dict(parse_qsl((await request.body()).decode())).get("result", "")
        if found is None:
            return PlainTextResponse("No such payment.", 404)
        if result not in PRESSED:
            return PlainTextResponse("result must be success, fail or cancel", 400)
        shop, payment = found
        native, back = payment.step in {"fingerprint", "challenge"}, payment.step in {"redirect", ""}
        if native:
            return HTMLResponse(NATIVE.format(result=result))
        if payment.status == "waiting":
            self._press(shop, payment, result)
        if not back or not payment.return_url:
            return PlainTextResponse(f"{answers.result(payment)}\n")
        return RedirectResponse(pages.extended(payment.return_url, {"redirectResult": waiting.secret(payment)}), 303)

    def _press(self, shop: Shop, payment: objects.Payment, result: str) -> None:
        if payment.card:
            # The issuer is asked when the merchant comes with the answer.
            payment.answered = payment.answered or result
            shop.save(payment)
        elif methods.METHODS[payment.method].flow == "redirect_voucher" and result == "success":
            # The page only showed what to pay at the counter.
            payment.step = "voucher"
            shop.save(payment)
        else:
            ACTIONS[PRESSED[result]](shop, payment)
        shop.world.journal.flush()

    async def act(self, request: Request) -> Response:
        """POST {"action": "pay" | "fail" | "cancel" | "expire"}: what the shopper or time would do."""
        found = find(self._shops, request.path_params["psp"])
        if found is None:
            return JSONResponse({"error": "no such payment"}, 404)
        try:
            action = orjson.loads(await request.body()).get("action")
        except (ValueError, AttributeError):
            action = None
        if action not in ACTIONS:
            return JSONResponse({"error": f"action must be one of {', '.join(ACTIONS)}"}, 400)
        shop, payment = found
        done = ACTIONS[action](shop, payment)
        shop.world.journal.flush()
        return JSONResponse({"pspReference": payment.id, "status": payment.status, "done": done}, 200 if done else 409)


class SessionPages:
    """The hosted page of a session; POST JSON {"paymentMethod": ...} pays as Adyen's component would."""

    def __init__(self, shops: dict[str, Shop]) -> None:
        self._shops = shops

    def _find(self, request: Request) -> tuple[Shop, objects.Session] | None:
        for shop in self._shops.values():
            session = shop.find(objects.Session, request.path_params["id"])
            if session is not None:
                return shop, session
        return None

    async def show(self, request: Request) -> Response:
        """The page with its buttons."""
        found = self._find(request)
        if found is None:
            return PlainTextResponse("No such session.", 404)
        amount = found[1].given["amount"]
        shown = f"{currencies.major(amount['value'], amount['currency'])} {amount['currency']}"
        return HTMLResponse(pages.question("Checkout", "Do you want to pay by card?", shown, found[1].id, SHORT))

    async def answer(self, request: Request) -> Response:
        """Pay: by the buttons and back to the merchant, or by JSON and its answer."""
        found = self._find(request)
        if found is None:
            return PlainTextResponse("No such session.", 404)
        shop, session = found
        raw = await request.body()
        pressed = dict(parse_qsl(raw.decode())).get("result")
        try:
            holder = "DECLINED" if pressed == "fail" else "S. Hopper"
            brought = {"paymentMethod": {**CARD, "holderName": holder}} if pressed else orjson.loads(raw)
            shown = sessions.pay(shop, session, brought, f"{request.url.scheme}://{request.url.netloc}")
        except errors.AdyenError as error:
            return JSONResponse(error.body(shop.new_psp()), error.status)
        except (ValueError, TypeError, AttributeError) as error:
            return JSONResponse({"error": str(error)}, 400)
        shop.world.journal.flush()
        if not pressed:
            return JSONResponse(shown)
        added = {"sessionId": session.id, "sessionResult": shown["sessionResult"]}
        return RedirectResponse(pages.extended(session.given["returnUrl"], added), 303)
