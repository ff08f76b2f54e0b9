"""Payable batches: every midnight what has become available is paid out, or carried when it is below nothing."""

from datetime import UTC, datetime

from payments.simulator import bank, causes, differences
from payments.simulator.adyen import accounting, currencies, money, notifications, objects
from payments.simulator.adyen.notifications import News
from payments.simulator.adyen.shop import Shop
from payments.simulator.bank import Words
from payments.simulator.clock import DAY

REPORTED_AFTER = 3_600
KIND = "settlement_detail_report"
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
    words = f"TX{shop.new_psp()[:9]}XT batch {number}, {shop.merchant}" if total > 0 else ""
    if total > 0:
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
        file=f"{KIND}_batch_{number}.csv",
        rows=[row.id for row in rows],
        carried=min(total, 0),
        words=words,
    )
    shop.save(batch)
    _name_file(shop, batch)
    shop.later(REPORTED_AFTER, "report", batch.file)
    if total > 0:
        shop.later(DAY, "pay_out", batch.id)


def _name_file(shop: Shop, batch: objects.Batch) -> None:
    """What is told wrongly about its rows stands in its file."""
    rows = set(batch.rows)
    for one in shop.tables["difference"].values():
        if one.where == "file" and one.key in rows:
            one.file = batch.file
            shop.save(one)


def pay_out(shop: Shop, batch: objects.Batch) -> None:
    """The money is at the bank."""
    if batch.status == "sent":
        batch.status, batch.arrived = "arrived", True
        shop.save(batch)
        causes.arrive(shop, currencies.major(batch.amount, batch.currency), batch.currency, _words(batch, "payout"))


def give_back(shop: Shop, batch: objects.Batch) -> None:
    """The bank does not want the payout, be it that it had taken it: the money is in the next batch."""
    batch.status = "returned"
    shop.save(batch)
    money.book_plain(shop, "BankInstructionReturned", batch.amount, batch.words)
    if batch.arrived:
        taken = currencies.major(-batch.amount, batch.currency)
        bank.book(shop, taken, batch.currency, _words(batch, "payout_returned"))


def _words(batch: objects.Batch, code: str) -> Words:
    return Words(code, batch.words, batch.words.partition(" ")[0], "ADYEN N.V.", f"batch_{batch.id}")


def announce(shop: Shop, file: str) -> None:
    """REPORT_AVAILABLE: the address stands in `reason`, the file's name where a pspReference would.

    Unless a scenario has the file get lost: then there is none, until it is corrected.
    """
    fault = None if lost(shop, file) else differences.at_file(shop, file.partition("_report_")[0] + "_report")
    if fault is not None:
        differences.note(shop, fault.fault, 0, shop.currency, file=file)
    if lost(shop, file):
        return
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


def lost(shop: Shop, file: str) -> bool:
    """Whether there is no such file although there should be."""
    return any(
        one.fault == "file_lost" and one.file == file and one.status == "open"
        for one in shop.tables["difference"].values()
    )
