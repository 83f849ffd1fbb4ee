"""A real browser before the real site: one Chromium for all journeys, a fresh profile for each.

Without Chromium the journeys are skipped and say so; where CI is set, that is a failure.
"""

import datetime as dt
import os
import shutil
from pathlib import Path

import pytest

PLACES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}
SERIOUS = {"serious", "critical"}
PASSWORD = "correct horse battery"
VENDOR = Path(__file__).resolve().parents[2] / "static" / "vendor" / "htmx.min.js"


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    for item in items:
        if here in Path(item.path).parents:
            item.add_marker(pytest.mark.browser)


def cannot(reason):
    """Skip, loudly; on a machine that is there to prove things, fail."""
    if os.environ.get("CI"):
        pytest.fail(f"The journeys need a browser: {reason}")
    pytest.skip(f"NOT PROVED, the journeys need a browser: {reason}")


def press(page, name):
    """Press a button that leads to another page, and wait until that one is there whole.

    A button above its form does nothing while the form has not arrived yet.
    """
    with page.expect_navigation():
        page.get_by_role("button", name=name).first.click()


@pytest.fixture(scope="session")
def chromium():
    if not VENDOR.exists():
        cannot("static/vendor is empty; run `python manage.py assets`")
    from playwright.sync_api import Error, sync_playwright

    found = next(filter(None, map(shutil.which, PLACES)), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except Error as error:
            cannot(str(error).splitlines()[0])
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def _the_day_is_held(settings):
    settings.WAYMARK_TODAY = dt.date(2026, 7, 29)
    # As `up` serves them: from the folder, without a manifest of collected files.
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }


@pytest.fixture
def site(live_server, settings):
    """The site's address; its cookies go over plain HTTP."""
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    return live_server.url


@pytest.fixture(params=SIZES)
def size(request):
    return request.param


# What htmx says of a request that ended because the page was left, or that was refused.
CUT_SHORT = (
    "htmx:afterRequest",
    "htmx:sendAbort",
    "htmx:sendError",
    "Response Status Error Code 4",
)


@pytest.fixture
def open_page(chromium, site):
    """Open a page in a fresh profile; a script that fails, fails the journey."""
    opened, failures = [], []

    def open_(*, size="desktop", **options):
        context = chromium.new_context(
            base_url=site, viewport=SIZES[size], has_touch=size == "phone", **options
        )
        context.set_default_timeout(10_000)
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on(
            "console",
            lambda line: (
                failures.append(line.text)
                if line.type == "error"
                and "status of 4" not in line.text
                and not line.text.startswith(CUT_SHORT)
                else None
            ),
        )
        return page

    yield open_
    for context in opened:
        context.close()
    assert failures == []


@pytest.fixture
def sign_in(open_page):
    """Sign somebody in by the log-in page, and return the page they come to."""

    def sign_in_(user, **options):
        user.set_password(PASSWORD)
        user.save()
        page = open_page(**options)
        page.goto("/")
        page.get_by_label("Email").or_(page.locator("[name=login]")).first.fill(user.email)
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("main button[type=submit]").first.click()
        page.wait_for_url(lambda url: "/accounts/" not in url)
        return page

    return sign_in_


@pytest.fixture
def violations():
    """What axe-core finds serious or critical on a page, as (rule, first place)."""
    from axe_playwright_python.sync_playwright import Axe

    def run(page):
        found = Axe().run(page).response["violations"]
        return [
            (each["id"], each["nodes"][0]["target"], each["nodes"][0].get("failureSummary"))
            for each in found
            if each["impact"] in SERIOUS
        ]

    return run
