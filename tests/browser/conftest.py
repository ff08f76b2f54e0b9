"""A real Chromium at the real back office: two sizes of screen, and on every page the same looks at its form."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.stories import conftest as stories

sim = stories.sim
notifications = stories.notifications
shop = stories.shop

PASSWORD: Final = "correct horse battery staple"
NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
WIDTHS: Final = (1280, 390)
SHOTS: Final = Path(os.environ.get("SCREENSHOTS", ""))
"""Where screenshots go; without SCREENSHOTS= they stay with the test's other files."""

CONTRAST_AND_KEYBOARD: Final = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser; where there is none, its tests fail in CI and are skipped elsewhere."""
    program = next((path for path in map(shutil.which, NAMES) if path), None)
    if program is None:
        missing = "Chromium is not installed: `make test` installs it as root, or install the package chromium"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # Playwright keeps a loop in this thread, and Django would refuse to read beside it; other files want their own
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@dataclass
class Desk:
    """Somebody of the staff at a screen; `look` is what makes a page a seen one."""

    page: Page
    home: str
    shots: Path
    complaints: list[str]

    def go(self, path: str) -> None:
        """Open a page."""
        self.page.goto(self.home + path)

    def press(self, words: str) -> None:
        """Press the button or link of these words."""
        target = self.page.get_by_role("button", name=words, exact=True)
        target = target.or_(self.page.get_by_role("link", name=words, exact=True))
        with self.page.expect_navigation():
            target.first.click()

    def says(self, words: str) -> bool:
        """Whether the page's reader can read these words."""
        return words in " ".join(self.page.locator("body").inner_text().split())

    def look(self, name: str) -> None:
        """Take a screenshot; nothing may hang over the edge, be hard to read, or have failed unseen."""
        size = self.page.viewport_size or {"width": 0}
        self.page.screenshot(path=self.shots / f"{name}-{size['width']}.png", full_page=True)
        over = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0, f"{name} is {over} pixels wider than the screen"
        found = Axe().run(self.page, options=CONTRAST_AND_KEYBOARD)
        assert not found.violations_count, f"{name}: {found.generate_report()}"
        assert not self.complaints, f"{name}: {self.complaints}"

    def look_at_both(self, name: str) -> None:
        """`look` on a phone, then at a desk, where the page stays."""
        for width in sorted(WIDTHS):
            self.page.set_viewport_size({"width": width, "height": 900})
            self.look(name)


Sit = Callable[..., Desk]


@pytest.fixture
def sit(chromium: Browser, shop: Any, live_server: LiveServer, tmp_path: Path) -> Iterator[Sit]:
    """Let somebody with a role sit down: `sit("support")`, `sit("support_lead", width=390)`."""
    call_command("roles", verbosity=0)
    shots = SHOTS if SHOTS.name else tmp_path
    shots.mkdir(parents=True, exist_ok=True)
    opened = []

    def somebody(role: str, *, width: int = WIDTHS[0], name: str = "", scripts: bool = True) -> Desk:
        user = User.objects.create_user(name or role, password=PASSWORD, is_staff=True)
        user.groups.set(Group.objects.filter(name=role))
        size: Any = {"width": width, "height": 900}
        context = chromium.new_context(viewport=size, reduced_motion="reduce", java_script_enabled=scripts)
        opened.append(context)
        desk = Desk(context.new_page(), live_server.url, shots, [])
        desk.page.set_default_timeout(120_000)
        desk.page.on("console", lambda message: _listen(desk, message))
        desk.page.on("pageerror", lambda error: desk.complaints.append(str(error)))
        desk.go("/admin/")
        desk.page.fill("input[name=username]", user.username)
        desk.page.fill("input[name=password]", PASSWORD)
        desk.page.press("input[name=password]", "Enter")
        desk.page.wait_for_url("**/admin/")
        return desk

    yield somebody
    for context in opened:
        context.close()


def _listen(desk: Desk, message: ConsoleMessage) -> None:
    if message.type == "error":
        desk.complaints.append(message.text)
