"""What axe-core finds against a page in the browser."""

from typing import Any

# Only the violations are worked out to the end, and only what is asserted leaves the browser: every
# rule's every element is a megabyte, four times a page.
RUN = """options => axe.run({resultTypes: ["violations"], ...options}).then(
    results => results.violations.map(rule => [rule.id, rule.nodes[0].html])
)"""


def find_violations(page: Any, *, options: dict[str, Any]) -> list[list[str]]:
    """The id of each rule that is broken, with the first element that breaks it."""
    from axe_playwright_python.base import AXE_SCRIPT

    if page.evaluate("typeof axe") == "undefined":  # it stays until the page is left
        page.evaluate(AXE_SCRIPT)
    found: list[list[str]] = page.evaluate(RUN, options)
    return found
