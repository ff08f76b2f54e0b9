"""Payable batches: every midnight what has become available is paid out, or carried when it is below nothing."""

from datetime import UTC, datetime

from payments.simulator.adyen import accounting, money, notifications, objects
from payments.simulator.adyen.notifications import News
from payments.simulator.adyen.shop import Shop

REPORTED_AFTER = 3_600
PATH = "/adyen/reports/download/MerchantAccount"


def day_end(shop: Shop) -> None:
    """Close the day's report, and a batch if there is anything new in it."""
    table = shop.tables["movement"]
    rows = [table[key] for key in shop.unbatched if table[key].available <= shop.now()]
    report = accounting.close_day(shop)
    if report:
        shop.later(REPORTED_AFTER, "report", report.id)
    if any(row.type != "Balancetransfer" for row in rows):
        _close(shop, rows)


def _close(shop: Shop, rows: list[objects.Movement]) -> None:
    number = len(shop.tables["batch"]) + 1
    if settled := sum(row.type == "Settled" for row in rows):
        month = datetime.fromtimestamp(shop.now(), UTC).strftime("%B %Y")
        fee = money.processing_fees(shop, settled)
        rows.append(money.book_plain(shop, "Fee", -fee, f"Transaction Fees {month}"))
    total = sum(row.net for row in rows)
    if total > 0:
        words = f"TX{shop.new_psp()[-9:]}XT batch {number}, {shop.merchant}"
        rows.append(money.book_plain(shop, "MerchantPayout", -total, words))
    elif total < 0:
        rows.append(money.book_plain(shop, "Balancetransfer", -total, f"to batch {number + 1}"))
    for row in rows:
        row.batch = number
        shop.save(row)
    if total < 0:
        money.book_plain(shop, "Balancetransfer", total, f"from batch {number}")
    batch = objects.Batch(
        id=str(number),
        created=shop.now(),
        amount=max(total, 0),
        currency=shop.currency,
        file=f"settlement_detail_report_batch_{number}.csv",
        rows=[row.id for row in rows],
    )
    shop.save(batch)
    shop.later(REPORTED_AFTER, "report", batch.file)


def announce(shop: Shop, file: str) -> None:
    """REPORT_AVAILABLE: the address stands in `reason`, the file's name where a pspReference would."""
    base = shop.setting("base_url") or shop.base_url or shop.world.url
    news = News(
        event="REPORT_AVAILABLE",
        psp=file,
        reference="",
        amount=0,
        currency=shop.currency,
        reason=f"{base}{PATH}/{shop.merchant}/{file}",
    )
    notifications.tell(shop, news)
