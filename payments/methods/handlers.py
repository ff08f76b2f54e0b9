"""The jobs of saved methods: each is one service call."""

from payments.kernel.jobs import Queue, job
from payments.methods import services


@job("forget_token", Queue.UPKEEP)
def forget_token(token_id: str) -> None:
    """A PSP is to keep a saved method no longer."""
    services.forget_token(token_id)


@job("refresh_saved_method", Queue.UPKEEP, dropped="What is known of a saved method stays as it is.")
def refresh_saved_method(token_id: str) -> None:
    """A PSP has news of a saved method."""
    services.refresh(token_id)


@job("forget_saved_methods", Queue.UPKEEP)
def forget_saved_methods(customer_id: str) -> None:
    """A customer was erased."""
    services.forget_customer(customer_id)
