"""What the tests of several parts share."""

import os
import shutil

import pytest

CHROMIUM = (
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


# Not for the whole session: as long as Playwright runs, no test could run an event loop of its own.
@pytest.fixture(scope="module")
def chromium():
    """A headless Chromium of the system, as Playwright's `Browser`."""
    from playwright.sync_api import sync_playwright

    found = [path for name in (os.environ.get("CHROMIUM", ""), *CHROMIUM) if name and (path := shutil.which(name))]
    if not found:
        pytest.fail("no Chromium was found; install chromium or google-chrome, or name one with CHROMIUM=PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found[0])
        yield browser
        browser.close()
