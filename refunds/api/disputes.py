"""The doors of disputes."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import Field

from payments.connectors.disputes import EvidenceDocument, EvidenceText
from payments.rest import fields, forms, operations, pages, wire
from payments.rest.models import ApiClient
from refunds import defence, disputes
from refunds.disputes import DisputeWithStages
from refunds.documents import DISPUTE, DisputeObject
from refunds.services import answering, refusals
from refunds.states import DisputeStatus

FILE: Final = "document_"
"""Files are fields of this name and what they prove; texts are called by what they prove alone."""

EVIDENCE: Final = operations.Form(
    texts=tuple(str(kind) for kind in EvidenceText),
    files=tuple(f"{FILE}{kind}" for kind in EvidenceDocument),
    largest=defence.MAX_FILES + 500_000,
)


class DisputeFilters(pages.Query):
    """Filters of the list of disputes."""

    payment_intent: Annotated[str, fields.id_of("pi")] | None = None
    order: Annotated[str, fields.id_of("ord")] | None = None
    status: Annotated[DisputeStatus, Field(strict=False)] | None = None
    due_within_days: (
        Annotated[
            int, Field(ge=1, le=60, strict=False, description="Those that wait for an answer and must have it by then.")
        ]
        | None
    ) = None


class AcceptBody(wire.Input):
    """Why the customer keeps the money."""

    reason: Annotated[str, fields.Line(500)]


def _dispute(client: ApiClient, dispute_id: str) -> DisputeWithStages:
    return disputes.with_stages(dispute_id, client_id=client.pk)


def rendered(whole: DisputeWithStages) -> Mapping[str, Any]:
    """The dispute object of an answer."""
    return whole.shape()


def _by(call: wire.Call) -> str:
    return f"api {call.client.name}"[:80]


class Disputes(wire.Door):
    """`/v1/disputes`"""

    @wire.operation(
        name="disputes.list",
        summary="List disputes",
        scope="disputes:read",
        paged=True,
        query=DisputeFilters,
        answers=DisputeObject,
        render=rendered,
        example={"data": [DISPUTE], "has_more": False, "next_cursor": None},
    )
    def get(self, call: wire.Call, query: DisputeFilters) -> pages.Page[Any]:
        """Newest first."""
        columns = {"intent_id": query.payment_intent, "order_id": query.order, "status": query.status}
        wanted = {column: value for column, value in columns.items() if value is not None}
        rows = disputes.disputes_of(call.client.pk).filter(**wanted)
        if query.due_within_days is not None:
            rows = disputes.due_within(rows, timedelta(days=query.due_within_days))
        page = pages.page(rows, query)
        found: list[Any] = disputes.many(page.rows)
        return pages.Page(found, page.has_more, page.next_cursor)


class DisputeDoor(wire.Door):
    """`/v1/disputes/{id}`"""

    @wire.operation(
        name="disputes.retrieve",
        summary="Retrieve a dispute",
        scope="disputes:read",
        answers=DisputeObject,
        render=rendered,
        example=DISPUTE,
    )
    def get(self, call: wire.Call, dispute_id: str) -> DisputeWithStages:
        """How it stands now."""
        return _dispute(call.client, dispute_id)


class DisputeEvidence(wire.Door):
    """`/v1/disputes/{id}/evidence`"""

    @wire.operation(
        name="disputes.evidence",
        summary="Gather evidence for a dispute",
        scope="disputes:write",
        form=EVIDENCE,
        answers=DisputeObject,
        render=rendered,
        recorded=_dispute,
        refuses=(
            refusals.DisputeNotAnswerable,
            refusals.DisputeAnswered,
            refusals.DisputeEvidenceUnknown,
            refusals.DisputeEvidenceTooLarge,
            refusals.DisputeDocumentUnreadable,
        ),
        example_body=DISPUTE["evidence"]["texts"],
        example=DISPUTE,
    )
    def post(self, call: wire.Call, form: forms.Filled, dispute_id: str) -> DisputeWithStages:
        """Texts and documents (PDF, JPEG or PNG, 2 MB each, 4.5 MB together), each in the field of what it proves.

        What is not sent stays as it was; an empty text is taken back, a document takes the place of the earlier one of
        its kind. Nothing goes to the bank before it is submitted. The back office fills in what an order's metadata say
        under `carrier`, `tracking_number`, `shipped_at`, `shipping_address`, `billing_address` and `customer_ip`.
        """
        documents = [
            answering.Document(name.removeprefix(FILE), file.name, file.content) for name, file in form.files.items()
        ]
        return answering.gather(dispute_id, form.texts, documents, client_id=call.client.pk, by=_by(call))


class DisputeSubmit(wire.Door):
    """`/v1/disputes/{id}/submit`"""

    @wire.operation(
        name="disputes.submit",
        summary="Submit the evidence of a dispute",
        scope="disputes:write",
        moves_money=True,
        answers=DisputeObject,
        render=rendered,
        recorded=_dispute,
        refuses=(
            refusals.DisputeNotAnswerable,
            refusals.DisputeAnswered,
            refusals.DisputeNotDefendable,
            refusals.DisputeEvidenceMissing,
        ),
        example=DISPUTE | {"evidence": DISPUTE["evidence"] | {"answer": "submit"}},
    )
    def post(self, call: wire.Call, dispute_id: str) -> DisputeWithStages:
        """Once for each stage. It is sent soon: events, and the dispute itself, say what came of it."""
        return answering.submit(dispute_id, client_id=call.client.pk, by=_by(call))


class DisputeAccept(wire.Door):
    """`/v1/disputes/{id}/accept`"""

    @wire.operation(
        name="disputes.accept",
        summary="Accept a dispute",
        scope="disputes:write",
        moves_money=True,
        body=AcceptBody,
        answers=DisputeObject,
        render=rendered,
        recorded=_dispute,
        refuses=(refusals.DisputeNotAnswerable, refusals.DisputeAnswered, refusals.DisputeReasonRequired),
        example_body={"reason": "The parcel was lost, and the customer is right."},
        example=DISPUTE | {"evidence": DISPUTE["evidence"] | {"answer": "accept"}},
    )
    def post(self, call: wire.Call, body: AcceptBody, dispute_id: str) -> DisputeWithStages:
        """The customer keeps the money. That cannot be taken back."""
        return answering.accept(dispute_id, because=body.reason, client_id=call.client.pk, by=_by(call))
