"""The Django app payments: money in."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    """Loads what registers itself: handlers of notifications and jobs."""

    name = "payments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from payments import tasks  # noqa: F401, PLC0415  models are loaded only now
        from payments.intents import handlers, invariants  # noqa: F401, PLC0415
        from payments.kernel import partitions  # noqa: F401, PLC0415
        from payments.ledger import seal  # noqa: F401, PLC0415
        from payments.methods import handlers as methods  # noqa: F401, PLC0415
        from payments.rest import retention  # noqa: F401, PLC0415
        from payments.staff import upkeep  # noqa: F401, PLC0415
        from payments.webhooks import handlers as webhooks  # noqa: F401, PLC0415
