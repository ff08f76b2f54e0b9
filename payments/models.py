"""The index of every table of this app, in the order of the storeys."""

from payments.gateway.models import (
    FeeContract,
    KillSwitch,
    LegalEntity,
    ProviderAccount,
    ProviderCall,
    TrafficShift,
)
from payments.intents.models import Capture, PaymentAttempt, PaymentIntent, RoutingRule
from payments.kernel.attention import AttentionItem
from payments.kernel.audit import AuditEvent
from payments.kernel.history import RowChange
from payments.kernel.jobs import Job, JobRun
from payments.kernel.records import StateChange
from payments.ledger.models import Account, Entry, Seal, Transfer
from payments.methods.models import MethodSuccess, Payer, PaymentMethod, PaymentMethodToken
from payments.orders.models import Customer, Order, OrderLine
from payments.rest.models import ApiClient, ApiKey, ApiRequest, IdempotencyKey
from payments.staff.models import KnownBrowser, SecondFactor, SignInGuess, StaffSession
from payments.webhooks.models import (
    Delivery,
    DeliveryTry,
    Endpoint,
    Event,
    EventReplay,
    EventSweep,
    InboundEvent,
    InboundReplay,
)

__all__ = [
    "Account",
    "ApiClient",
    "ApiKey",
    "ApiRequest",
    "AttentionItem",
    "AuditEvent",
    "Capture",
    "Customer",
    "Delivery",
    "DeliveryTry",
    "Endpoint",
    "Entry",
    "Event",
    "EventReplay",
    "EventSweep",
    "FeeContract",
    "IdempotencyKey",
    "InboundEvent",
    "InboundReplay",
    "Job",
    "JobRun",
    "KillSwitch",
    "KnownBrowser",
    "LegalEntity",
    "MethodSuccess",
    "Order",
    "OrderLine",
    "Payer",
    "PaymentAttempt",
    "PaymentIntent",
    "PaymentMethod",
    "PaymentMethodToken",
    "ProviderAccount",
    "ProviderCall",
    "RoutingRule",
    "RowChange",
    "Seal",
    "SecondFactor",
    "SignInGuess",
    "StaffSession",
    "StateChange",
    "TrafficShift",
    "Transfer",
]
