"""Signing in: what gets somebody in, what keeps others out, and what never keeps out who has been here before."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from payments.kernel import clock
from payments.kernel.audit import AuditEvent
from payments.staff import factors, guesses, totp
from payments.staff.models import SecondFactor, SignInGuess, StaffSession
from tests.backoffice import pages

PASSWORD = "correct horse battery staple"
LOGIN, CODE, ENROL = "/admin/login/", "/admin/login/code/", "/admin/login/enrol/"
HERE, THERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture
def lena(db: None, settings: Any) -> User:
    """Somebody who works here. No Redis answers: signing in asks none."""
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    return User.objects.create_user("lena", password=PASSWORD, is_staff=True)


@pytest.fixture
def app(lena: User) -> bytes:
    """The secret in Lena's authenticator app, which has shown a code an hour ago."""
    secret = bytes(range(20))
    with time_machine.travel(timezone.now() - timedelta(hours=1)):
        assert factors.enrol(lena, secret, shown_by(secret))
    return secret


def shown_by(secret: bytes, *, steps: int = 0) -> str:
    """What the app shows now, or so many steps later."""
    return totp.code(secret, totp.step_of(clock.now()) + steps)


def enter(browser: Client, password: str = PASSWORD, *, name: str = "lena", at: str = HERE) -> Any:
    """Name and password."""
    return browser.post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=at)


def inside(browser: Client) -> bool:
    return browser.get("/admin/").status_code == 200


def says(answer: Any) -> str:
    return pages.plain(answer.content.decode())


# RFC 6238, appendix B, of whose eight digits we show the last six
@pytest.mark.parametrize(
    ("seconds", "digits"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037"),
     (20000000000, "353130")],
)  # fmt: skip
def test_codes_are_those_of_the_rfc(seconds: int, digits: str) -> None:
    assert totp.code(b"12345678901234567890", seconds // totp.STEP) == digits


def test_a_password_is_enough_only_where_no_second_factor_is_asked_for(lena: User, settings: Any) -> None:
    browser = Client()
    assert enter(browser)["Location"] == "/admin/"
    assert inside(browser)

    settings.SECOND_FACTOR = True
    assert not inside(browser), "who was in before it was asked for is out"
    assert enter(browser)["Location"] == ENROL
    assert not inside(browser), "half signed in is not signed in"
    assert browser.get("/admin/account/").status_code == 302


def test_who_has_none_sets_one_up_and_keeps_recovery_codes(lena: User, settings: Any) -> None:
    settings.SECOND_FACTOR = True
    browser = Client()
    enter(browser)
    page = browser.get(ENROL).content.decode()
    assert "<svg" in page
    assert "http" not in re.sub(r'xmlns="[^"]+"', "", page.partition("<svg")[2].partition("</svg>")[0])
    assert not SecondFactor.objects.exists(), "looking at the page sets nothing up"
    offer = pages.hidden(page)["offer"]
    secret = factors.offered(lena, offer)
    assert totp.written(secret) in pages.plain(page)

    again = browser.post(ENROL, {"offer": offer, "code": shown_by(secret, steps=9)})
    assert "This is not the code that belongs to this picture." in says(again)
    shown = browser.post(ENROL, {"offer": offer, "code": shown_by(secret)})
    codes = re.findall(r"<code>([a-z2-9-]{29})</code>", shown.content.decode())
    assert len(codes) == factors.RECOVERY_CODES
    assert inside(browser)
    row = SecondFactor.objects.get()
    kept = repr(SecondFactor.objects.values_list("recovery", flat=True).get())
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)
    assert row.secret == secret
    assert AuditEvent.objects.filter(action="second_factor.enrolled", object_id="lena").count() == 1

    once, twice = Client(), Client()
    for other, gets_in in ((once, True), (twice, False)):
        enter(other)
        other.post(CODE, {"code": codes[0].upper().replace("-", " ")})
        assert inside(other) is gets_in, "a recovery code lets in once"


def test_an_offer_is_for_the_person_it_was_made_to(lena: User) -> None:
    mallory = User.objects.create_user("mallory", is_staff=True)
    with pytest.raises(ValueError, match="not an offer"):
        factors.offered(lena, factors.offer(mallory))


def test_a_code_counts_once_and_only_while_it_is_shown(lena: User, app: bytes) -> None:
    code = shown_by(app)
    first, second, late = Client(), Client(), Client()
    for browser in (first, second, late):
        assert enter(browser)["Location"] == CODE
    assert first.post(CODE, {"code": f"{code[:3]} {code[3:]}"})["Location"] == "/admin/"
    assert "was used already" in says(second.post(CODE, {"code": code}))
    assert not inside(second)
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        assert "This code is not right" in says(late.post(CODE, {"code": shown_by(app, steps=-3)}))
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        assert late.post(CODE, {"code": shown_by(app)})["Location"] == LOGIN, "the password was given too long ago"


def test_an_app_whose_clock_goes_wrong_slowly_is_followed(lena: User, app: bytes) -> None:
    start = timezone.now()
    for day, off in enumerate((1, 2, 3), start=1):
        with time_machine.travel(start + timedelta(days=day)):
            assert factors.proves(lena, shown_by(app, steps=off))
    with time_machine.travel(start + timedelta(days=4)):
        assert not factors.proves(lena, shown_by(app, steps=6)), "not so suddenly"
    with time_machine.travel(start + timedelta(days=5)):
        assert factors.proves(lena, shown_by(app, steps=3))


def test_guessing_is_made_slower_each_time_and_tells_how_long(lena: User) -> None:
    stranger, start = Client(), timezone.now()
    with time_machine.travel(start, tick=False):
        for _ in range(guesses.FREE["pair"]):
            assert "Too many" not in says(enter(stranger, "guess"))
        assert "Too many wrong tries. Try again in 15 seconds." in says(enter(stranger, PASSWORD))
        assert not inside(stranger), "what is right is not looked at either"
    with time_machine.travel(start + timedelta(seconds=16), tick=False):
        enter(stranger, "guess")
        assert "Try again in 30 seconds." in says(enter(stranger))
    with time_machine.travel(start + timedelta(minutes=2)):
        assert enter(stranger).status_code == 302
    assert not SignInGuess.objects.filter(scope="pair").exists(), "who is let in begins anew"
    assert AuditEvent.objects.filter(action="user.sign_in_failed", object_id="lena").count() == 6


def test_nobody_can_lock_out_who_has_signed_in_before(lena: User) -> None:
    """Whatever strangers do, Lena gets in with her browser from anywhere, and with any browser from her address."""
    hers = Client()
    assert enter(hers, at=HERE).status_code == 302
    hers.post("/admin/logout/")

    for number in range(guesses.FREE["account"] + 5):  # from very many addresses
        enter(Client(), "guess", at=f"203.0.113.{number}")
    assert "Too many wrong tries." in says(enter(Client(), at="192.0.2.1")), "who was never here waits"
    assert enter(Client(), at=HERE).status_code == 302, "her address is known"
    for _ in range(guesses.FREE["pair"] + 1):  # somebody behind her own address
        enter(Client(), "guess", at=HERE)
    assert "Too many wrong tries." in says(enter(Client(), at=HERE))
    assert enter(hers, at="192.0.2.2").status_code == 302, "her browser is known"


def test_many_guesses_at_once_are_no_more_than_one_after_another(lena: User) -> None:
    """Each is counted before it is looked at: none that is under way has been forgotten."""
    origin = guesses.Origin(THERE)
    under_way = [guesses.begin("password", "lena", origin) for _ in range(guesses.FREE["pair"])]
    with pytest.raises(guesses.TooMany):
        guesses.begin("password", "LENA ", origin)
    assert len(under_way) == guesses.FREE["pair"]


@pytest.mark.parametrize("name", ["\uff4cena", "LENA", " lena ", "le\x00na"])
def test_other_ways_to_write_a_name_are_no_ways_to_guess_anew(lena: User, name: str) -> None:
    for _ in range(guesses.FREE["pair"]):
        assert "Too many" not in says(enter(Client(), "guess"))
    assert "Too many wrong tries." in says(enter(Client(), name=name))


def test_a_name_that_cannot_be_one_is_no_error_of_ours(lena: User) -> None:
    assert enter(Client(), name="le\x00na").status_code == 200


def test_one_address_does_not_try_everybody(lena: User) -> None:
    for number in range(guesses.FREE["address"]):
        guesses.begin("password", f"user{number}", guesses.Origin("2001:db8::1"))
    with pytest.raises(guesses.TooMany):
        guesses.begin("password", "somebody else", guesses.Origin("2001:db8::2"))
    guesses.begin("password", "somebody else", guesses.Origin("2001:db8:0:1::2"))


def test_a_name_that_nobody_has_is_written_down_nowhere(lena: User) -> None:
    shown = says(enter(Client(), "x", name="hunter2 is my password"))
    assert "Please enter the correct username and password" in shown
    for _ in range(guesses.FREE["pair"]):
        shown = says(enter(Client(), "x", name="hunter2 is my password"))
    assert "Too many wrong tries." in shown, "and not while they wait either"
    assert "hunter2" not in repr(list(AuditEvent.objects.values())) + repr(list(SignInGuess.objects.values()))


def test_codes_that_were_not_looked_at_are_written_down_nowhere(lena: User, app: bytes) -> None:
    browser, codes = Client(), factors.renew_codes(lena)
    enter(browser)
    browser.post(CODE, {"code": shown_by(app)})
    browser.post("/admin/confirm/", {"code": codes[0], "password": "", "next": "/admin/"})
    assert AuditEvent.objects.filter(action="page.submitted").count() == 1
    assert codes[0] not in repr(list(AuditEvent.objects.values()))


def test_knowing_the_password_gives_no_new_guesses_at_the_code(lena: User, app: bytes) -> None:
    """Somebody has taken over a session and knows the password: signing in with it elsewhere does not help them."""
    taken, wrong = Client(), {"code": "000000", "password": PASSWORD, "next": "/admin/"}
    enter(taken)
    taken.post(CODE, {"code": shown_by(app)})
    for _ in range(guesses.FREE["pair"]):
        assert "This code is not right" in says(taken.post("/admin/confirm/", wrong))
        other = Client()
        other.cookies["browser"] = taken.cookies["browser"].value
        assert enter(other)["Location"] == CODE
    assert "Too many wrong tries." in says(taken.post("/admin/confirm/", wrong))


def test_a_session_that_was_planted_is_not_the_one_that_is_signed_in(lena: User, app: bytes) -> None:
    browser = Client()
    browser.get(LOGIN)
    session = browser.session
    session["planted"] = "yes"
    session.save()
    planted = str(session.session_key)
    browser.cookies["session"] = planted
    enter(browser)
    half = str(browser.session.session_key)
    browser.post(CODE, {"code": shown_by(app)})
    assert len({planted, half, browser.session.session_key}) == 3
    assert "planted" not in browser.session
    thief = Client()
    thief.cookies["session"] = half
    assert not inside(thief)


def test_sessions_end(lena: User) -> None:
    """After 8 hours of use, after an hour without, with the person, with the password."""
    start = timezone.now()
    browser = Client()
    with time_machine.travel(start) as at:
        enter(browser)
        for minutes in range(0, 8 * 60, 50):
            at.move_to(start + timedelta(minutes=minutes))
            browser.post("/admin/confirm/", {"password": PASSWORD})  # a new key is no new session
            assert inside(browser), minutes
        at.move_to(start + timedelta(hours=8, minutes=1))
        assert not inside(browser)
        enter(browser)
        at.shift(timedelta(minutes=61))
        assert not inside(browser), "unused for an hour"

    enter(browser)
    User.objects.update(is_active=False)
    assert not inside(browser), "at once"
    User.objects.update(is_active=True)
    enter(browser)
    lena.set_password("another horse battery staple")
    lena.save()
    assert not inside(browser)


def test_the_table_of_sessions_opens_none(lena: User) -> None:
    browser = Client()
    enter(browser)
    key = str(browser.session.session_key)
    row = StaffSession.objects.get(user=lena)
    assert key not in repr(StaffSession.objects.filter(pk=row.pk).values())
    thief = Client()
    thief.cookies["session"] = row.key
    assert not inside(thief)


def test_my_account_shows_where_i_am_signed_in_and_ends_the_others(lena: User) -> None:
    here, there = Client(headers={"User-Agent": "Mozilla/5.0 (X11; Linux) Firefox/140.0"}), Client()
    enter(here, at=HERE)
    enter(there, at=THERE)
    shown = pages.text(here, "/admin/account/")
    assert "Firefox on Linux (this one) 198.51.100.7" in shown
    assert "203.0.113.9" in shown
    assert here.get("/admin/account/sessions/end/").status_code == 405

    here.post("/admin/account/sessions/end/")
    assert inside(here)
    assert not inside(there)

    enter(there, at=THERE)
    new = {"old_password": PASSWORD, "new_password1": "quite another phrase", "new_password2": "quite another phrase"}
    assert here.post("/admin/password_change/", new).status_code == 302
    assert inside(here)
    assert not inside(there), "the old password is worth nothing any more"


def test_a_factor_is_replaced_by_who_has_just_shown_the_old_one(lena: User, app: bytes) -> None:
    browser = Client()
    enter(browser)
    browser.post(CODE, {"code": shown_by(app)})
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        assert browser.get("/admin/account/factor/")["Location"].startswith("/admin/confirm/")
        back = {"next": "/admin/account/factor/", "password": PASSWORD}
        assert "Enter the" not in says(browser.post("/admin/confirm/", {**back, "code": "000000"}))
        assert browser.post("/admin/confirm/", {**back, "code": shown_by(app)})["Location"] == back["next"]
        offer = pages.hidden(browser.get(back["next"]).content.decode())["offer"]
        secret = factors.offered(lena, offer)
        browser.post(back["next"], {"offer": offer, "code": shown_by(secret)})
        assert SecondFactor.objects.get().secret == secret
        assert inside(browser)


def test_who_has_lost_the_phone_is_helped_on_record(lena: User, app: bytes, staff: Any, settings: Any) -> None:
    admin, hers = staff("admin"), Client()
    enter(hers)
    hers.post(CODE, {"code": shown_by(app)})
    page = f"/admin/auth/user/{lena.pk}/help/"
    assert page in admin.get(f"/admin/auth/user/{lena.pk}/change/").content.decode()
    admin.post(page, {"wishes": ["factor"], "reason": "She stood beside me."})

    assert not SecondFactor.objects.exists()
    assert not inside(hers)
    event = AuditEvent.objects.get(action="second_factor.removed")
    assert (event.by, event.object_id, event.because) == ("staff admin", "lena", "She stood beside me.")
    me = User.objects.get(username="admin")
    assert admin.get(f"/admin/auth/user/{me.pk}/help/").status_code == 403, "nobody takes away their own"
    assert staff("auditor").get(page).status_code == 403


def test_who_loses_a_role_or_leaves_is_out_at_once(lena: User, staff: Any) -> None:
    admin, hers = staff("admin"), Client()
    enter(hers)
    admin.post(f"/admin/auth/user/{lena.pk}/change/", {"username": "lena", "is_staff": "on"})
    lena.refresh_from_db()
    assert not lena.is_active
    assert not StaffSession.objects.filter(user=lena).exists(), "and does not come back when she is made active again"


def test_signing_out_takes_a_button(lena: User) -> None:
    browser = Client()
    enter(browser)
    assert browser.get("/admin/logout/").status_code == 405
    assert inside(browser)
    browser.post("/admin/logout/")
    assert not inside(browser)
    assert AuditEvent.objects.filter(action="user.signed_out", by="staff lena").exists()
