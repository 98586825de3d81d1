"""HTML page of `attune demo`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attune.retrieval.answer_page import Section, write_page
from attune.retrieval.demo import DemoQuery

_TITLE = "Music and pictures by the emotion they share"
_LEAD = "Made by attune demo from the shipped samples. Percentages are correspondence probabilities."


def write_demo_page(path: Path, queries: Sequence[DemoQuery]) -> None:
    """Write the page.

    Args:
        path: The HTML file.
        queries: The demo's queries, with one file each.

    Raises:
        AttuneError: The page cannot be written.
    """
    sections = [Section(f"{query.title}: {query.name}", query.answers, query.moods) for query in queries]
    write_page(path, _TITLE, _LEAD, sections)
