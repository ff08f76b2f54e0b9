"""The Django app refunds: money back."""

from django.apps import AppConfig


class RefundsConfig(AppConfig):
    """Loads what registers itself: handlers of notifications and jobs."""

    name = "refunds"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from refunds import handlers  # noqa: F401, PLC0415  models are loaded only now
