"""The back office's pages about money coming in; what needs refunds or reports stands in their apps."""

from payments.admin import (
    attempts,
    audits,
    books,
    clients,
    fees,
    notices,
    notifications,
    orders,
    people,
    providers,
    rules,
    saved,
    signins,
    switches,
    work,
)

__all__ = [
    "attempts",
    "audits",
    "books",
    "clients",
    "fees",
    "notices",
    "notifications",
    "orders",
    "people",
    "providers",
    "rules",
    "saved",
    "signins",
    "switches",
    "work",
]
