"""How events, endpoints and deliveries look to clients, and what clients send."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field, model_validator
from pydantic_core import PydanticCustomError

from payments.kernel import ids
from payments.rest import fields, pages
from payments.webhooks import catalogue, policy
from payments.webhooks.models import Delivery, DeliveryState, Endpoint, Event, EventReplay


def _pattern(text: str) -> str:
    if not any(policy.wants([text], type_) for type_ in catalogue.TYPES):
        raise PydanticCustomError(
            "parameter_invalid", "No event has this type: `*`, one of docs/events.md, or `order.*`"
        )
    return text


Pattern = Annotated[str, Field(max_length=60), AfterValidator(_pattern)]
Patterns = Annotated[
    list[Pattern],
    Field(min_length=1, max_length=50, description="`*`, types like `order.paid`, or prefixes like `order.*`."),
]
Url = Annotated[str, Field(max_length=2000, description="https, public, without user name and fragment.")]
Description = Annotated[str, fields.Line(200, shortest=0)]


class NewEndpoint(fields.Input):
    """An endpoint to be made."""

    url: Url
    event_types: Patterns
    description: Description = ""


class EndpointChanges(fields.Input):
    """What changes; what is not given stays. Only a description can be taken away, by null or by an empty text."""

    url: Url = Field(default_factory=str)
    event_types: Patterns = Field(default_factory=list)
    description: Description | None = None
    enabled: bool = Field(default_factory=bool)


class Rotation(fields.Input):
    """How a secret is changed."""

    overlap_hours: int = Field(
        24, ge=0, le=168, description="For so long what is sent is signed with the old secret as well; 0 ends it now."
    )


class NewReplay(fields.Input):
    """What is to be sent once more: everything from an event on, or from a moment on."""

    from_event: Annotated[str, fields.id_of("evt")] | None = None
    since: fields.Time | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> "NewReplay":
        if (self.from_event is None) == (self.since is None):
            raise PydanticCustomError("parameter_invalid", "Say either `from_event` or `since`")
        return self


class EventFilters(pages.Query):
    """Which events to list."""

    type: Annotated[Pattern, Field(description="A type, or several by a prefix like `order.*`.")] | None = None
    object_id: Annotated[str, fields.Line(40)] | None = None


class DeliveryFilters(pages.Query):
    """Which deliveries to list."""

    state: DeliveryState | None = None


class EndpointShape(fields.Output):
    """An address that receives events; its secret is shown only in the answer that makes it."""

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    url: str
    event_types: list[str]
    description: str | None
    enabled: bool
    disabled_reason: str | None
    created_at: AwareDatetime


class NewEndpointShape(EndpointShape):
    """A new endpoint with the secret that its deliveries are signed with (Standard Webhooks)."""

    secret: str | None = Field(None, description="Shown once: a repeated idempotency key is answered without it.")


class ReplayShape(fields.Output):
    """A wish that events are sent to an endpoint once more; `planned` grows until it is `done`."""

    id: str
    object: Literal["webhook_replay"] = "webhook_replay"
    webhook_endpoint: str
    since: AwareDatetime | None
    from_event: str | None
    planned: int
    done: bool
    created_at: AwareDatetime


class DeliveryShape(fields.Output):
    """One event on its way to one endpoint."""

    id: str
    object: Literal["webhook_delivery"] = "webhook_delivery"
    webhook_endpoint: str
    event: str
    object_id: str
    sequence: int
    state: str
    attempts: int
    next_attempt_at: AwareDatetime | None
    last_status: int | None
    last_error: str | None
    response: str | None
    delivered_at: AwareDatetime | None
    created_at: AwareDatetime


class Data(fields.Output):
    """What happened to."""

    object: dict[str, Any] = Field(description="The object after the change.")


class EventShape(fields.Output):
    """One change of one object; `sequence` counts per object without gaps."""

    id: str
    object: Literal["event"] = "event"
    type: str
    created_at: AwareDatetime
    sequence: int
    object_id: str
    data: Data
    previous: dict[str, Any] | None = Field(None, description="The fields that changed, as they were before.")


def event(row: Event) -> dict[str, Any]:
    """An event, in answers and in deliveries alike."""
    previous = {} if row.previous is None else {"previous": row.previous}
    return {
        "id": row.pk,
        "object": "event",
        "type": row.type,
        "created_at": row.created_at,
        "sequence": row.sequence,
        "object_id": row.object_id,
        "data": {"object": row.data},
        **previous,
    }


def endpoint(row: Endpoint) -> dict[str, Any]:
    """An endpoint without its secret."""
    return {
        "id": row.pk,
        "object": "webhook_endpoint",
        "url": row.url,
        "event_types": row.event_types,
        "description": row.description or None,
        "enabled": row.enabled,
        "disabled_reason": row.disabled_reason or None,
        "created_at": row.created_at,
    }


def new_endpoint(row: Endpoint) -> dict[str, Any]:
    """A new endpoint, with its secret."""
    return {**endpoint(row), "secret": row.secret}


def delivery(row: Delivery) -> dict[str, Any]:
    """A delivery and how it went last."""
    return {
        "id": row.pk,
        "object": "webhook_delivery",
        "webhook_endpoint": row.endpoint_id,
        "event": row.event_id,
        "object_id": row.object_id,
        "sequence": row.sequence,
        "state": row.state,
        "attempts": row.attempts,
        "next_attempt_at": row.next_attempt_at,
        "last_status": row.last_status,
        "last_error": row.last_error or None,
        "response": row.response or None,
        "delivered_at": row.delivered_at,
        "created_at": row.created_at,
    }


def replay(row: EventReplay) -> dict[str, Any]:
    """How far a replay is."""
    return {
        "id": row.pk,
        "object": "webhook_replay",
        "webhook_endpoint": row.endpoint_id,
        "since": row.since,
        "from_event": None if row.since else ids.encode("evt", row.first),
        "planned": row.planned,
        "done": row.done_at is not None,
        "created_at": row.created_at,
    }
