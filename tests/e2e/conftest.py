"""Looks of tests in a browser."""

from playwright.sync_api import expect

# How long a page takes tells how busy the machine is; Playwright's own limit is five seconds.
expect.set_options(timeout=60_000)
