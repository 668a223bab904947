"""Parts of a hand-written page that are generated: what stands between two marks."""

from __future__ import annotations


def with_part(page: str, name: str, text: str) -> str:
    """Return the page with what stands between ``<!-- name: begin -->`` and ``<!-- name: end -->`` replaced."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, found_begin, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end:
        raise ValueError(f"the page has lost the marks around its part '{name}'")
    return f"{before}{begin}{text}{end}{after}"
