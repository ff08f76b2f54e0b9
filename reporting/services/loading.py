"""Lines of a kept settlement file are loaded and compared at once and once, or it is refused whole, with the reason."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, cast

import structlog
from django.conf import settings

from payments.connectors.settlements import Announced, FileKind, FileRefused, SettlementLine
from payments.gateway import accounts, settlements
from payments.gateway.models import ProviderAccount
from payments.kernel import clock, crashpoints, unit
from reporting import selectors
from reporting.models import SettlementFile
from reporting.models.settlements import Source
from reporting.services import conflicts, proving, reconciliation, staging, storing
from reporting.states import FileStatus

log = structlog.get_logger(__name__)

BLOCK: Final = 1 << 20


def load(file_id: str, *, by: str = "worker") -> None:
    """Read a stored file and load it, or refuse it; nothing happens when that was done before.

    A worker that dies on the way leaves the file as it was stored.
    """
    file = SettlementFile.objects.get(pk=file_id)
    if file.status != FileStatus.STORED:
        return
    account = accounts.account(file.account_id)
    with storing.opened(file.file) as content:
        take(file, account, _read(file, account, content), by=by)


def _read(file: SettlementFile, account: ProviderAccount, content: BinaryIO) -> Iterator[SettlementLine]:
    _whole(file, content)
    yield from settlements.read(account, announced(file), content)


def announced(file: SettlementFile) -> Announced:
    """A kept file as its PSP had announced it."""
    return Announced(
        reference=file.reference,
        kind=FileKind(file.kind),
        name=file.name,
        day=file.day,
        currency=file.currency,
        total_minor=file.total_minor,
    )


def take(file: SettlementFile, account: ProviderAccount, lines: Iterable[SettlementLine], *, by: str) -> None:
    """Load these lines as those of a stored file, or refuse it. Nothing else of it is ever seen by anybody.

    What `lines` raises as `FileRefused`, be it after the last one, refuses the file.
    """
    with tempfile.TemporaryFile(dir=settings.RUN_DIR) as unnamed:  # gone with the process, however that ends
        spooled = cast(BinaryIO, unnamed)
        try:
            staging.spool(lines, spooled, lambda count: _progress(file.pk, count))
            crashpoints.reach("settlement.read")
            _load(file.pk, account, spooled, by)
        except FileRefused as refused:
            _refuse(file.pk, refused, by)


def _progress(file_id: str, lines: int) -> None:
    with unit.work():
        file = selectors.hold_file(file_id)
        if file.status == FileStatus.STORED:  # else somebody was quicker
            file.change(lines=lines)


def _load(file_id: str, account: ProviderAccount, spooled: BinaryIO, by: str) -> None:
    """In one transaction the file is loaded and compared with all of its lines, or not at all.

    So each line is written once, with what it was found to be, and nobody ever sees one that is not booked.
    """
    with unit.work() as work:
        staging.stage(spooled, account)
        file = selectors.hold_file(file_id)
        if file.status != FileStatus.STORED:
            return
        crashpoints.reach("settlement.staged")
        told, now = staging.told(), clock.now()
        proving.prove(file, account, told)
        loaded = staging.insert(file, account, told)
        conflicts.end(file)
        because = f"{loaded.lines:,} lines"
        file.advance("load", because=because, by=by, loaded_at=now, matched_at=now, **loaded._asdict())
        work.write_so_far()  # what proves payouts looks for files that are loaded
        reconciliation.follow(account)
        crashpoints.reach("settlement.inserted")
    log.info("settlement_loaded", file=file_id, account=account.code, reference=file.reference, **loaded._asdict())


def _refuse(file_id: str, refused: FileRefused, by: str) -> None:
    """Nothing of it was loaded; a person reads why."""
    with unit.work():
        file = selectors.hold_file(file_id)
        if file.status != FileStatus.STORED:
            return
        file.advance("refuse", because=str(refused), by=by, problem=str(refused), lines=0)
        if isinstance(refused, proving.FileConflicts):
            conflicts.tell(file, str(refused))
        elif file.source == Source.FETCHED:
            why = f"{file.name} came and was refused: {refused}"
            conflicts.miss(accounts.account(file.account_id), file.reference, why, file.created_at)
    log.error("settlement_refused", file=file_id, reference=file.reference, why=str(refused))


def _whole(file: SettlementFile, content: BinaryIO) -> None:
    """Read the kept bytes once, and raise `FileRefused` when they are not those that came."""
    found = hashlib.sha256()
    while block := content.read(BLOCK):
        found.update(block)
    content.seek(0)
    if found.hexdigest() != file.sha256:
        raise FileRefused("The file was changed where it is kept: it is not the one that came.")
