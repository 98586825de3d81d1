"""The demo's page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attune.retrieval.demo import Scene
from attune.retrieval.page import Section, write_page

_TITLE = "Music and pictures by the emotion they share"
_LEAD = "Made by attune demo from the shipped samples. Percentages are correspondence probabilities."


def write_demo_page(path: Path, scenes: Sequence[Scene]) -> None:
    """Write the page.

    Args:
        path: Where to.
        scenes: Questions with one seed each.

    Raises:
        AttuneError: The page cannot be written.
    """
    sections = [Section(f"{scene.title}: {scene.name}", scene.answer, scene.moods) for scene in scenes]
    write_page(path, _TITLE, _LEAD, sections)
