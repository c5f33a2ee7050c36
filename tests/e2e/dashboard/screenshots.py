"""Takes every page of the dashboard in both themes and all sizes: `make screenshots` puts the pictures into a folder.

Reads the address and the token of the stack that runs in this checkout (`make up`).
"""

import argparse
import os
import re
import shutil
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

PAGES = (
    *("/", "/topology/demo", "/topology/demo?view=table", "/topology/demo?node=reviews", "/meshes", "/meshes/demo"),
    *("/meshes/demo?tab=proxies", "/meshes/demo?tab=intents", "/meshes?dialog=install", "/designs", "/designs/canary"),
    *(f"/designs/canary?tab={each}" for each in ("translation", "apply", "versions", "releases", "drift")),
    *("/operations", "/deadletters", "/events", "/events?view=log", "/workloads"),
    *("/workloads/demo~~process~reviews-v1", "/proxies", "/proxies/demo~~reviews-v1", "/settings"),
    *(f"/settings?section={each}" for each in ("adapters", "webhooks", "tokens", "workspaces", "system")),
)
SIZES = {"1440": (1440, 1.0), "390": (390, 1.0), "360": (360, 1.0), "200-percent": (720, 2.0)}
"""width in CSS pixels and how many of the screen's each has: a window of 1440 px at 200 % is 720 px wide"""


def take(browser: Browser, url: str, token: str, folder: Path, theme: str, size: str) -> None:
    """All pages in one theme and size."""
    width, scale = SIZES[size]
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": theme, "device_scale_factor": scale}
    context = browser.new_context(**options)  # type: ignore[arg-type] # both are of the types that it names
    page = context.new_page()
    page.goto(f"{url}/")
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.locator("main#main h1").wait_for()
    for path in PAGES:
        page.goto(url + path)
        page.locator("main#main h1").wait_for()
        page.wait_for_timeout(1500)  # for charts and graphs, which say nothing when they are drawn
        name = re.sub(r"\W+", "-", path).strip("-") or "overview"
        page.screenshot(path=folder / f"{name}-{theme}-{size}.png", full_page=True)
    context.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".meshwright"), help="the folder of the running stack")
    parser.add_argument("--to", type=Path, default=Path("build/screenshots"), help="the folder for the pictures")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    url = (options.home / "api-url").read_text().strip()
    token = (options.home / "admin-token").read_text().strip()
    program = os.environ.get("MESHWRIGHT_TEST_BROWSER") or shutil.which("chromium") or "chromium"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        for theme in ("light", "dark"):
            for size in SIZES:
                take(browser, url, token, options.to, theme, size)
        browser.close()
    print(f"{len(PAGES) * 2 * len(SIZES)} pictures in {options.to}")


if __name__ == "__main__":
    main()
