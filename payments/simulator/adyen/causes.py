"""What can be caused at the simulated Adyen: reserves, deposits, invoices, corrections, returned payouts, files."""

from collections.abc import Callable

from payments.simulator import causes
from payments.simulator.adyen import batches, currencies, money, objects
from payments.simulator.adyen.shop import Shop
from payments.simulator.causes import BadCauseError, Wish, handler
from payments.simulator.settlement import Cause

# By how much a file that is given out anew differs, in the smallest unit.
SHIFT = 100


def _signed(kind: str, text: str) -> Callable[[Shop, Wish], str]:
    """A movement that may be a credit (above 0) or a debit."""
    return lambda shop, wish: money.book_plain(shop, kind, wish.signed(), wish.text("text", text)).id


def _debit(kind: str, text: str) -> Callable[[Shop, Wish], str]:
    return lambda shop, wish: money.book_plain(shop, kind, -wish.amount(), wish.text("text", text)).id


def _credit(kind: str, text: str) -> Callable[[Shop, Wish], str]:
    return lambda shop, wish: money.book_plain(shop, kind, wish.amount(), wish.text("text", text)).id


def _adjust(shop: Shop, wish: Wish) -> str:
    kind = wish.text("type", "ManualCorrected")
    return money.book_plain(shop, kind, wish.signed(), wish.text("text", "Correction")).id


def _payment_cost(shop: Shop, wish: Wish) -> str:
    """A cost told apart from its payment: no gross, only net."""
    payment = shop.find(objects.Payment, wish.text("payment"))
    if payment is None:
        raise BadCauseError("payment must be the pspReference of a payment")
    row = money.book_plain(shop, "PaymentCost", -wish.amount(), wish.text("text"))
    row.payment = payment.id
    shop.save(row)
    return row.id


def _pay_in(shop: Shop, wish: Wish) -> str:
    """The merchant sends money to even out its balance."""
    amount, about = wish.amount(), shop.new_psp()
    causes.pay_in(shop, currencies.major(amount, shop.currency), "ADYEN N.V.", about)
    return money.book_plain(shop, "MerchantPayin", amount, f"{about}, {shop.merchant}").id


def _return(shop: Shop, wish: Wish) -> str:
    """The payout of the named batch, or the newest that has not come back: the money is in the next batch."""
    wanted = wish.text("payout").removeprefix("batch_")
    for batch in shop.newest(objects.Batch):
        if wanted in {"", batch.id} and batch.amount > 0 and batch.status != "returned":
            batches.give_back(shop, batch)
            return f"batch_{batch.id}"
    raise BadCauseError(f"no payout {wanted} is under way or has arrived")


def _correct(shop: Shop, wish: Wish) -> str:
    """The file is what it should be, and announced again."""
    file = wish.text("file")
    found = [one for one in shop.tables["difference"].values() if one.where == "file" and one.status == "open"]
    mine = [one for one in found if one.file == (file or found[-1].file)]
    if not mine or not mine[0].file:
        raise BadCauseError("no file says anything wrongly")
    for one in mine:
        one.status = "corrected"
        shop.save(one)
    name = str(mine[0].file)
    batches.announce(shop, name)
    return name


def _change(shop: Shop, wish: Wish) -> str:
    """The same batch with other content, which adds up as well: announced again."""
    name = wish.text("file")
    batch = next((batch for batch in shop.newest(objects.Batch) if name in {"", batch.file}), None)
    rows = [shop.known(objects.Movement, row) for row in batch.rows] if batch else []
    plain = [row for row in rows if row.type == "Settled" and row.currency == shop.currency]
    if batch is None or len(plain) < 2:
        raise BadCauseError(f"no file {name} with two captures in {shop.currency}")
    for row, amount in zip(plain, (SHIFT, -SHIFT), strict=False):
        money.note(shop, row, "row_wrong", (amount, amount), batch.file)
    batches.announce(shop, batch.file)
    return batch.file


HANDLERS: causes.Handlers = {
    **causes.BANK,
    "reserve_held": handler(_debit("ReserveAdjustment", "Reserve Adjustment"), "amount", "text"),
    "reserve_released": handler(_credit("ReserveAdjustment", "Reserve Adjustment"), "amount", "text"),
    "deposit_correction": handler(_signed("DepositCorrection", "Deposit Correction"), "amount", "text"),
    "invoice_deduction": handler(_signed("InvoiceDeduction", "Invoice"), "amount", "text"),
    "fee": handler(_debit("Fee", "Service Fees"), "amount", "text"),
    "misc_costs": handler(_signed("MiscCosts", "Scheme Costs"), "amount", "text"),
    "adjustment": handler(_adjust, "amount", "type", "text"),
    "payment_cost": handler(_payment_cost, "amount", "payment", "text"),
    "payin": handler(_pay_in, "amount"),
    "payout_returned": handler(_return, "payout"),
    "file_corrected": handler(_correct, "file"),
    "file_changed": handler(_change, "file"),
}


def happen(shop: Shop, cause: Cause, _: str) -> None:
    """The day of a cause has come."""
    causes.happen(shop, HANDLERS, cause)
