"""Service levels are counted, and whoever is called when one burns its error budget too fast is told, once."""

from payments.kernel import clock
from reporting.models.alerts import Source
from reporting.models.levels import ServiceLevel
from reporting.services import alerting
from reporting.uptime import levels
from reporting.uptime.levels import Level
from reporting.uptime.slo import Window
from reporting.uptime.telling import Subject


def watch() -> None:
    """Count what is certain by now; tell of what burns too fast, and that it is over."""
    levels.count()
    for level in levels.levels():
        name, known = level.slo.name, ServiceLevel.objects.filter(name=level.slo.name)
        if level.window is not None:
            alerting.tell(_subject(level, level.window))
        elif known.filter(burns=True).exists():
            alerting.over(Source.SLO, [name])
        known.update(burns=level.window is not None)


def _subject(level: Level, window: Window) -> Subject:
    hours = window.long.total_seconds() / 3600
    rate = float(window.rate)
    words = f"{level.slo.title}: for {hours:.0f} h the error budget has been burning {rate:g} times too fast"
    share = level.count.share
    return Subject(
        source=Source.SLO, key=level.slo.name, kind=level.slo.name, severity=window.severity, words=words,
        more={
            "promise": level.slo.promise,
            "target": f"{float(level.slo.target):.2%}",
            "30 days": "–" if share is None else f"{float(share):.3%}",
            "budget left": "–" if level.left is None else f"{level.left:.0%}",
        },
        page=f"/admin/reporting/servicelevel/{level.slo.name}/change/", opened_at=clock.now(),
    )  # fmt: skip
