"""Code on the pages of docs/contributing names what there is."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / "docs" / "contributing").glob("*.md"))


@pytest.mark.torch
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_imports_of_the_pages_resolve(page: Path) -> None:
    """Modules that a page adds, which it names in bold as a step, are left out."""
    text = page.read_text(encoding="utf-8")
    added = {
        name.removesuffix(".py").replace("/", ".")
        for name in re.findall(r"(?m)^\*\*\d.*`([\w/]+\.py)`", text)
    }
    missing = []
    for block in re.findall(r"(?ms)^```python\n(.*?)^```", text):
        for line in re.findall(r"(?ms)^ *(from attune\S* import (?:\([^)]*\)|[^\n]*))", block):
            (node,) = ast.parse(textwrap.dedent(line)).body
            assert isinstance(node, ast.ImportFrom) and node.module is not None
            if node.module.removeprefix("attune.") in added and not _exists(node.module):
                continue
            module = __import__(node.module, fromlist=[one.name for one in node.names])
            missing += [f"{node.module}.{one.name}" for one in node.names if not hasattr(module, one.name)]
    assert missing == []


def _exists(module: str) -> bool:
    return (ROOT / Path(*module.split(".")[1:])).with_suffix(".py").is_file()
