"""The Django app reporting: money counted."""

from django.apps import AppConfig


class ReportingConfig(AppConfig):
    """Loads what registers itself: jobs and proofs."""

    name = "reporting"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from reporting import handlers, invariants  # noqa: F401, PLC0415  models are loaded only now
