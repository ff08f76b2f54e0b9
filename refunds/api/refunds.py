"""The doors of refunds."""

from collections.abc import Mapping
from typing import Annotated, Any, LiteralString, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from payments.intents.services.refusals import IntentUnexpectedState
from payments.rest import fields, pages, wire
from payments.rest.models import ApiClient
from refunds import selectors, shapes
from refunds.documents import REFUND, RefundObject
from refunds.models import Reason
from refunds.selectors import RefundWithLines
from refunds.services import refunds, refusals
from refunds.states import RefundStatus


def _wrong(param: str, sentence: LiteralString) -> PydanticCustomError:
    return PydanticCustomError("parameter_invalid", sentence, {"param": param})


class RefundLineBody(wire.Input):
    """So many units of one line of the order."""

    line: Annotated[str, fields.id_of("line")]
    quantity: Annotated[int, Field(ge=1, le=100_000)]


class RefundBody(wire.Input):
    """Money to be given back, of a payment intent or of a whole order: an amount, lines, or else all that is left."""

    payment_intent: Annotated[str, fields.id_of("pi")] | None = None
    order: Annotated[str, fields.id_of("ord")] | None = None
    amount: fields.Amount | None = None
    lines: Annotated[list[RefundLineBody], Field(min_length=1, max_length=500)] | None = None
    reason: Reason
    note: Annotated[str, fields.Line(500)] | None = None
    confirm_duplicate: bool = False
    metadata: fields.Metadata = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.payment_intent is None) == (self.order is None):
            raise _wrong("order" if self.order else "payment_intent", "Give either payment_intent or order")
        if self.amount is not None and self.lines is not None:
            raise _wrong("lines", "Give amount or lines, not both")
        named: set[str] = set()
        for position, line in enumerate(self.lines or ()):
            if line.line in named:
                raise _wrong(f"lines[{position}].line", "Give each line once, with its quantity")
            named.add(line.line)
        return self


class RefundFilters(pages.Query):
    """Filters of the list of refunds."""

    payment_intent: Annotated[str, fields.id_of("pi")] | None = None
    order: Annotated[str, fields.id_of("ord")] | None = None
    status: Annotated[RefundStatus, Field(strict=False)] | None = None


def _refund(client: ApiClient, refund_id: str) -> RefundWithLines:
    return selectors.with_lines(refund_id, client_id=client.pk)


def rendered(opened: RefundWithLines) -> Mapping[str, Any]:
    """The refund object of an answer."""
    return shapes.refund(opened.refund, opened.lines)


def _by(call: wire.Call) -> str:
    return f"api {call.client.name}"[:80]


class Refunds(wire.Door):
    """`/v1/refunds`"""

    @wire.operation(
        name="refunds.create",
        summary="Create a refund",
        scope="refunds:write",
        status=201,
        moves_money=True,
        body=RefundBody,
        answers=RefundObject,
        render=rendered,
        recorded=_refund,
        refuses=(
            refusals.RefundNoteRequired,
            IntentUnexpectedState,
            refusals.RefundLineUnknown,
            refusals.RefundNotSupported,
            refusals.RefundWindowOver,
            refusals.RefundLineAlreadyRefunded,
            refusals.PaymentDisputed,
            refusals.RefundNothingToRefund,
            refusals.RefundExceedsRefundable,
            refusals.RefundAmountNotSupported,
            refusals.PartialRefundNotSupported,
            refusals.RefundDuplicateSuspected,
        ),
        example_body={
            "order": REFUND["order"],
            "lines": [{"line": REFUND["lines"][0]["line"], "quantity": 1}],
            "reason": "damaged",
        },
        example=REFUND,
    )
    def post(self, call: wire.Call, body: RefundBody) -> RefundWithLines:
        """The money is reserved at once and sent soon: events, and the refund itself, say what came of it.

        Beyond the client's limits it is `needs_approval` until a person of the staff approves or rejects it.

        An order that was paid by several payments may need several refunds: the answer is the first, the others are
        its `related`.
        """
        facts = {name: value for name, value in body if value is not None and name != "lines"}
        draft = refunds.RefundDraft(**facts, lines={line.line: line.quantity for line in body.lines or ()})
        return refunds.request(draft, client_id=call.client.pk, by=_by(call))

    @wire.operation(
        name="refunds.list",
        summary="List refunds",
        scope="refunds:read",
        paged=True,
        query=RefundFilters,
        answers=RefundObject,
        render=rendered,
        example={"data": [REFUND], "has_more": False, "next_cursor": None},
    )
    def get(self, call: wire.Call, query: RefundFilters) -> pages.Page[Any]:
        """Newest first."""
        columns = {"intent_id": query.payment_intent, "order_id": query.order, "status": query.status}
        wanted = {column: value for column, value in columns.items() if value is not None}
        page = pages.page(selectors.refunds_of(call.client.pk).filter(**wanted), query)
        lines = selectors.lines(page.rows)
        rows: list[Any] = [RefundWithLines(row, lines[row.pk]) for row in page.rows]
        return pages.Page(rows, page.has_more, page.next_cursor)


class RefundDoor(wire.Door):
    """`/v1/refunds/{id}`"""

    @wire.operation(
        name="refunds.retrieve",
        summary="Retrieve a refund",
        scope="refunds:read",
        answers=RefundObject,
        render=rendered,
        example=REFUND,
    )
    def get(self, call: wire.Call, refund_id: str) -> RefundWithLines:
        """How it stands now."""
        return _refund(call.client, refund_id)


class RefundCancel(wire.Door):
    """`/v1/refunds/{id}/cancel`"""

    @wire.operation(
        name="refunds.cancel",
        summary="Cancel a refund before it is sent",
        scope="refunds:write",
        moves_money=True,
        answers=RefundObject,
        render=rendered,
        recorded=_refund,
        refuses=(refusals.RefundUnexpectedState,),
        example=REFUND | {"status": "canceled", "settled_at": "2026-11-23T10:15:01Z"},
    )
    def post(self, call: wire.Call, refund_id: str) -> RefundWithLines:
        """Amount and lines can be refunded again."""
        return refunds.cancel(refund_id, client_id=call.client.pk, by=_by(call))
