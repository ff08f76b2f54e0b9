"""Exchange rates of the simulated world, the same for every PSP."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from payments.simulator.journal import Journal

# What one US dollar buys. Fixed until somebody changes it, so that every run settles the same amounts.
_PER_DOLLAR = """
usd:1 aed:3.6725 afn:70 all:92 amd:387 ang:1.79 aoa:912 ars:1430 aud:1.53 awg:1.79 azn:1.7 bam:1.68 bbd:2
bdt:122 bgn:1.68 bhd:0.376 bif:2950 bmd:1 bnd:1.3 bob:6.91 brl:5.4 bsd:1 bwp:13.4 byn:3.3 bzd:2.01 cad:1.4
cdf:2200 chf:0.8 clp:940 cny:7.12 cop:3900 crc:503 cve:95 czk:21 djf:178 dkk:6.42 dop:63 dzd:130 egp:47.5
etb:153 eur:0.86 fjd:2.27 fkp:0.76 gbp:0.76 gel:2.71 gip:0.76 gmd:73 gnf:8690 gtq:7.66 gyd:209 hkd:7.78
hnl:26.3 htg:131 huf:330 idr:16650 ils:3.25 inr:88.7 isk:127 jmd:160 jod:0.709 jpy:155 kes:129 kgs:87.4
khr:4010 kmf:424 krw:1460 kwd:0.307 kyd:0.83 kzt:520 lak:21700 lbp:89500 lkr:306 lrd:180 lsl:17.2 mad:9.3
mdl:17 mga:4480 mkd:53 mmk:2100 mnt:3570 mop:8.01 mur:46 mvr:15.4 mwk:1734 mxn:18.4 myr:4.14 mzn:63.9 nad:17.2
ngn:1445 nio:36.8 nok:10.1 npr:142 nzd:1.77 omr:0.385 pab:1 pen:3.37 pgk:4.2 php:58.9 pkr:281 pln:3.65
pyg:7050 qar:3.64 ron:4.38 rsd:101 rub:79 rwf:1452 sar:3.75 sbd:8.2 scr:14.5 sek:9.5 sgd:1.3 shp:0.76 sle:23
sos:571 srd:38.5 std:21000 szl:17.2 thb:32.4 tjs:9.2 tnd:2.95 top:2.4 try:42.3 ttd:6.78 twd:31.2 tzs:2450
uah:42.1 ugx:3620 uyu:39.8 uzs:11900 vnd:26350 vuv:122 wst:2.8 xaf:564 xcd:2.7 xof:564 xpf:103 yer:239
zar:17.2 zmw:22.6
"""


def table(pairs: str) -> dict[str, Decimal]:
    """Amounts by currency from words like usd:0.50."""
    return {code: Decimal(amount) for code, amount in (pair.split(":") for pair in pairs.split())}


PER_DOLLAR = table(_PER_DOLLAR)


class Rates:
    """The rates of now: fixed prices are asked by `PER_DOLLAR`, what is settled by these."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.now: dict[str, Decimal] = dict(PER_DOLLAR)

    def change(self, wishes: Mapping[str, object]) -> None:
        """Set what a dollar buys of some currencies. Raises ValueError, and changes nothing."""
        found: dict[str, Decimal] = {}
        for code, value in wishes.items():
            try:
                rate = Decimal(str(value))
            except InvalidOperation:
                rate = Decimal(0)
            if code not in PER_DOLLAR or code == "usd" or not rate.is_finite() or rate <= 0:
                raise ValueError(f"{code}: a known currency in small letters and a number above 0 are expected")
            found[code] = rate
        self.now.update(found)
        self._journal.note("", "rates", "rates", {"rates": self.changed()})

    def changed(self) -> dict[str, str]:
        """The rates that are not as they were at first."""
        return {code: str(rate) for code, rate in self.now.items() if rate != PER_DOLLAR[code]}

    def clear(self) -> None:
        """As at first."""
        self.now = dict(PER_DOLLAR)
        self._journal.note("", "rates", "rates", {"rates": {}})

    def restore(self, rates: Mapping[str, str]) -> None:
        """Take back from the journal what had been changed."""
        self.now = {**PER_DOLLAR, **{code: Decimal(rate) for code, rate in rates.items()}}
