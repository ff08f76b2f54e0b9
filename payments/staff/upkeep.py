"""Forgetting: sessions that have ended, and guesses of yesterday."""

from datetime import timedelta

from payments.kernel import jobs
from payments.staff import guesses
from payments.staff.sessions import SessionStore


@jobs.job("forget_sign_ins", jobs.Queue.UPKEEP, every=timedelta(hours=1), lease=timedelta(minutes=5))
def forget_sign_ins() -> None:
    """Delete sessions that have ended, counts of guesses that have run out, and browsers long unseen."""
    SessionStore.clear_expired()
    guesses.sweep()
