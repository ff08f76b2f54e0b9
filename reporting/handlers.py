"""What reaches reporting from elsewhere: jobs by name. Each is one service call."""

from datetime import timedelta

from payments.kernel.jobs import Queue, job
from reporting.services import exports


@job("produce_report", Queue.FINANCE, lease=timedelta(minutes=10), tries=4)
def produce_report(run_id: str) -> None:
    """Write the file of a report."""
    exports.produce(run_id)
