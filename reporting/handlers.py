"""What reaches reporting from elsewhere: notifications of PSPs, and jobs by name. Each is one service call."""

from datetime import datetime, timedelta

from payments.connectors.base import EventKind, PspEvent
from payments.kernel.jobs import Queue, Retry, job
from payments.webhooks.dispatch import handles
from reporting.services import (
    banking,
    burning,
    canary,
    closing,
    detecting,
    exports,
    fetching,
    loading,
    notifying,
    paging,
    reconciliation,
    retention,
    schedules,
    shifting,
    telling,
    tieout,
    usual,
)
from reporting.uptime import levels, rates, resting, rollups
from reporting.uptime import proofs as proofs


@handles(EventKind.SETTLEMENT_READY)
def settlement_ready(account_id: str, event: PspEvent) -> None:
    """A PSP says that a settlement file is ready."""
    fetching.wish(account_id, event.settlement)


@handles(EventKind.PAYOUT_UPDATED)
def payout_updated(account_id: str, event: PspEvent) -> None:  # noqa: ARG001  letters may overtake one another
    """A PSP says that there is news of a payout: it is asked how all of them stand."""
    fetching.wish(account_id, None)


@job("produce_report", Queue.FINANCE, lease=timedelta(minutes=10), tries=4)
def produce_report(run_id: str) -> None:
    """Write the file of a report."""
    exports.produce(run_id)


@job("request_due_reports", Queue.FINANCE, every=timedelta(minutes=5))
def request_due_reports() -> None:
    """Ask for the reports that come by themselves."""
    schedules.request_due()


@job("tell_of_report", Queue.FINANCE)
def tell_of_report(run_id: str) -> None:
    """Write to whoever waits for a report."""
    telling.tell(run_id)


@job("forget_report_files", Queue.UPKEEP, every=timedelta(hours=6))
def forget_report_files() -> None:
    """Keep the files of old reports no longer."""
    retention.forget_files()


@job("load_settlement", Queue.FINANCE, lease=timedelta(minutes=50), tries=6)
def load_settlement(file_id: str) -> None:
    """Load the lines of a settlement file that is kept, and compare them with our books."""
    loading.load(file_id)


@job("fetch_all_settlements", Queue.FINANCE, every=timedelta(hours=1))
def fetch_all_settlements() -> None:
    """Ask every PSP for the settlement files that are ready."""
    fetching.fetch_all()


@job("fetch_settlements", Queue.FINANCE, lease=timedelta(minutes=20))
def fetch_settlements(account_id: str) -> None:
    """Ask one account's PSP. Longer than this takes: `fetching.SECONDS`, and the largest file."""
    fetching.fetch(account_id)


@job("fetch_settlement", Queue.FINANCE, lease=timedelta(minutes=20))
def fetch_settlement(account_id: str, told_at: str, **said: str) -> None:
    """Fetch one file that a PSP said is ready."""
    fetching.fetch_one(account_id, fetching.announced_by(said), datetime.fromisoformat(told_at))


@job("reconcile_open_lines", Queue.FINANCE, lease=timedelta(minutes=30), every=timedelta(minutes=15))
def reconcile_open_lines() -> None:
    """Look again at lines that told of something before we had heard of it."""
    reconciliation.look_again()


@job("find_unsettled", Queue.FINANCE, lease=timedelta(minutes=30), every=timedelta(hours=6))
def find_unsettled() -> None:
    """Find what was booked and should have been settled by now."""
    reconciliation.find_overdue()


@job("match_bank_lines", Queue.FINANCE, lease=timedelta(minutes=5))
def match_bank_lines(account_id: str) -> None:
    """Say what the open lines of a bank account are."""
    banking.match(account_id)


@job("watch_bank", Queue.FINANCE, lease=timedelta(minutes=5), every=timedelta(hours=1))
def watch_bank() -> None:
    """Payouts that should be at our bank and are not become differences."""
    banking.watch()


@job("close_books", Queue.FINANCE, every=timedelta(minutes=10))
def close_books() -> None:
    """Let every legal entity's days and months be closed, as far as that is possible."""
    closing.run_all()


@job("close_entity", Queue.FINANCE, lease=timedelta(minutes=10))
def close_entity(entity_id: str) -> None:
    """Check the periods of one entity that are over, and lock what is ready."""
    closing.run(entity_id)


@job("tie_out", Queue.FINANCE, every=timedelta(hours=1))
def tie_out() -> None:
    """Hold what our books say each PSP owes us against what it says itself."""
    tieout.request_all()


@job("tie_out_account", Queue.FINANCE, lease=timedelta(minutes=10), tries=3)
def tie_out_account(account_id: str) -> None:
    """The same for one account."""
    tieout.tie_out_account(account_id)


@job("count_rollups", Queue.UPKEEP, lease=timedelta(minutes=3))
def count_rollups() -> None:
    """Bring the sums by minute, hour and day up to date, where that is more than who watches payments counts first."""
    if rollups.advance():
        raise Retry(timedelta(0), "there is more to count")


@job("forget_rollups", Queue.UPKEEP, every=timedelta(hours=6))
def forget_rollups() -> None:
    """Let go of minutes and hours that are kept no longer."""
    rollups.forget()


@job("measure_at_rest", Queue.UPKEEP, every=timedelta(minutes=5))
def measure_at_rest() -> None:
    """Find the money that is on its way, and how old it is."""
    resting.measure()


@job("learn_rates", Queue.UPKEEP, every=timedelta(hours=1))
def learn_rates() -> None:
    """Take the exchange rates of what PSPs have settled."""
    rates.learn()


@job("thin_tie_outs", Queue.UPKEEP, every=timedelta(days=1))
def thin_tie_outs() -> None:
    """Keep no hourly tie-outs of days that are over for long."""
    retention.thin_tie_outs()


@job("tell_of_incident", Queue.ALERTS)
def tell_of_incident(incident_id: str, happened: str) -> None:
    """Say that an incident was opened, has changed, or is closed."""
    paging.tell_of_incident(incident_id, happened)


@job("send_alerts", Queue.ALERTS, tries=1_000)
def send_alerts(channel_id: str) -> None:
    """Tell one alert channel what it is to be told by now."""
    notifying.send(channel_id)


@job("look_for_alerts", Queue.ALERTS, every=timedelta(seconds=20))
def look_for_alerts() -> None:
    """Tell of matters that are new or settled, and have everything sent that is due."""
    paging.look()


@job("count_service_levels", Queue.UPKEEP, lease=timedelta(minutes=3), every=timedelta(minutes=1))
def count_service_levels() -> None:
    """Count what was promised and kept, and tell of what burns too fast."""
    burning.watch()


@job("forget_service_levels", Queue.UPKEEP, every=timedelta(hours=6))
def forget_service_levels() -> None:
    """Let go of minutes and hours that are kept no longer."""
    levels.forget()


@job("shift_traffic", Queue.UPKEEP, every=timedelta(minutes=1))
def shift_traffic() -> None:
    """Let payments go elsewhere where something is wrong, and come back step by step."""
    shifting.run()


@job("watch_payments", Queue.ALERTS, lease=timedelta(minutes=3), every=timedelta(minutes=1))
def watch_payments() -> None:
    """Count what is new; see whether payments are approved and told of as usual, and our own work done in time."""
    detecting.look()


@job("learn_usual", Queue.UPKEEP, lease=timedelta(minutes=5), every=timedelta(hours=1))
def learn_usual() -> None:
    """Learn what is usual from the hours that are over; while it is behind, at once again."""
    if usual.learn():
        raise Retry(timedelta(0), "there are more hours to learn")


@job("release_canaries", Queue.UPKEEP, every=timedelta(minutes=5))
def release_canaries() -> None:
    """Let a synthetic payment be made for every account that has one."""
    canary.release()


@job("send_canary", Queue.DELIVERIES, lease=timedelta(minutes=2), tries=3, dropped="One synthetic payment is left out.")
def send_canary(account: str) -> None:
    """Make one synthetic payment, and cancel it."""
    canary.send(account)


@job("forget_canaries", Queue.UPKEEP, every=timedelta(days=1))
def forget_canaries() -> None:
    """Let go of synthetic payments that no page shows any more."""
    canary.forget()
