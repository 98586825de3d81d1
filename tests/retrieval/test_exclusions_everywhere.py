"""What a build leaves out, what a command's query leaves out and what the API leaves out is the same."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from attune.core.exclusion_argument import resolve_exclusion
from attune.core.exclusion_rules import ExclusionRules
from attune.core.exclusions import DEFAULT_EXCLUSIONS, Exclusion
from attune.indexer.records import Root
from attune.indexer.scan import scan

_NAMES = st.sampled_from(["a", "b", "Private", "private", "trip [1]", "ü", "!best", "#1"])
_FILES = st.builds(
    lambda folders, name: "/".join([*folders, name]),
    st.lists(_NAMES, max_size=3),
    st.sampled_from(["x.jpg", "X.PNG", "y [1].mp3", "z.flac", ".hidden.jpg"]),
)
_PATTERNS = st.sampled_from(
    [
        "private",
        "Private/",
        "/a",
        "a/b",
        "**/b",
        "a/**",
        "*.png",
        "?",
        "trip*",
        "[ab]",
        "!private",
        "*",
        "!*/",
        "ü/",
    ]
)


@contextmanager
def photos(files: Sequence[str]) -> Iterator[Path]:
    """A folder with these files, below another one with a link to it."""
    parent = Path(tempfile.mkdtemp(prefix="attune-test-")).resolve()
    try:
        for file in files:
            path = parent / "photos" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (parent / "link").symlink_to("photos")
        yield parent / "photos"
    finally:
        shutil.rmtree(parent)


def spell(root: Path, path: str, spelling: int) -> str:
    """Return one of the ways in which somebody in the folder above the root may write a path below it."""
    whole = f"{root}/{path}"
    ways = [
        whole,
        f"{whole}/",
        f"photos/{path}",
        f"./photos/{path}/",
        f"{root.parent}/link/{path}",
        f"./link/{path}",
    ]
    return ways[spelling % len(ways)]


def list_files(root: str, exclusions: Sequence[Exclusion], library: Path) -> set[str]:
    rules = ExclusionRules([root], [*DEFAULT_EXCLUSIONS, *exclusions])
    return {candidate.stamp.path for candidate in scan([Root(root)], library, rules).candidates}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(_FILES, min_size=1, max_size=12, unique=True),
    st.lists(st.one_of(_PATTERNS, st.tuples(st.integers(0, 99), st.integers(0, 9))), min_size=1, max_size=3),
    st.booleans(),
)
def test_a_build_and_both_queries_leave_out_the_same(
    files: list[str], given: list[str | tuple[int, int]], linked: bool
) -> None:
    with photos(files) as root:
        folder = str(root.parent)
        listed = root.parent / "link" if linked else root
        below = [str(path.relative_to(root)) for path in sorted(root.rglob("*"))]
        texts = [
            one if isinstance(one, str) else spell(root, below[one[0] % len(below)], one[1]) for one in given
        ]
        typed = [resolve_exclusion(text, [str(listed)], folder) for text in texts]
        requested = [
            resolve_exclusion(text, [str(listed)], None) for text in texts if not text.startswith("./link")
        ]
        library = root.parent / "library"
        everything = list_files(str(listed), [], library)
        built = list_files(str(listed), typed, library)
        command, api = (ExclusionRules([str(listed)], rules) for rules in (typed, requested))
        assert {path for path in everything if not command.excludes(path)} == built
        if len(requested) == len(typed):
            assert {path for path in everything if not api.excludes(path)} == built
        for text, rule in zip(texts, typed, strict=True):
            assert rule.path is None or os.path.lexists(rule.path), text
