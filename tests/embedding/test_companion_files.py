"""Sidecars: which file of a folder is whose, and what they say."""

from __future__ import annotations

import os
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.embedding import companion_files
from attune.embedding.companion_files import Sidecar, find_sidecar, list_companions, read_sidecar
from attune.embedding.media_facts import NO_FACTS, CaptureFacts
from attune.embedding.xmp import MAX_BYTES
from attune.tests.media_factory import xmp

NAMES = st.text(string.ascii_letters + ".é", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], None),
        (["a.jpg"], None),
        (["a.jpg.xmp"], "a.jpg.xmp"),
        (["A.JPG.XMP"], "A.JPG.XMP"),
        (["a.xmp"], "a.xmp"),
        (["a.XMP"], "a.XMP"),
        (["a.xmp", "a.jpg.xmp"], "a.jpg.xmp"),
        (["a.nef.xmp", "b.xmp", "a.jpg.xml", "aXjpg.xmp", ".xmp"], None),
        (["a.XMP", "a.xmp"], "a.XMP"),
    ],
)
def test_which_file_is_the_sidecar(names: list[str], expected: str | None) -> None:
    for order in (names, names[::-1]):
        assert find_sidecar("a.jpg", list_companions(order)) == expected


def test_two_pictures_of_one_name_share_a_sidecar() -> None:
    companions = list_companions(["a.jpg", "a.nef", "a.xmp"])
    assert find_sidecar("a.jpg", companions) == find_sidecar("a.nef", companions) == "a.xmp"


@given(st.lists(NAMES), NAMES)
def test_a_sidecar_has_the_name_of_its_file(names: list[str], name: str) -> None:
    found = find_sidecar(name, list_companions(names))
    whole = {f"{name}.xmp".lower(), f"{os.path.splitext(name)[0]}.xmp".lower()}  # noqa: PTH122
    matching = {one for one in names if one.lower() in whole}
    assert found in matching if matching else found is None


def test_what_a_sidecar_says(tmp_path: Path) -> None:
    assert read_sidecar(tmp_path / "a.jpg") == Sidecar()
    path = tmp_path / "A.Xmp"
    path.write_bytes(xmp({"xmp:Rating": "-1", "exif:DateTimeOriginal": "2019:07:04 12:30:00.000"}))
    expected = Sidecar(CaptureFacts("2019-07-04T12:30:00", -1), path.stat().st_mtime_ns)
    assert read_sidecar(tmp_path / "a.jpg") == expected
    assert read_sidecar(tmp_path / "a.nef") == expected


@pytest.mark.parametrize("content", [b"", b"<x:xmpmeta", b"\0" * 99, b" " * (MAX_BYTES + 1)])
def test_a_bad_sidecar_says_nothing_and_is_still_known(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.xmp"
    path.write_bytes(content)
    assert read_sidecar(tmp_path / "a.jpg") == Sidecar(NO_FACTS, path.stat().st_mtime_ns)


def test_what_is_no_file_is_no_sidecar(tmp_path: Path) -> None:
    (tmp_path / "a.xmp").mkdir()
    assert read_sidecar(tmp_path / "a.jpg") == Sidecar()
    os.mkfifo(tmp_path / "b.xmp")
    assert read_sidecar(tmp_path / "b.jpg") == Sidecar()
    (tmp_path / "c.xmp").symlink_to("nowhere")
    assert read_sidecar(tmp_path / "c.jpg") == Sidecar()
    assert read_sidecar(tmp_path / "nowhere" / "d.jpg") == Sidecar()


def test_a_folder_is_listed_once_and_again_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[object] = []
    monkeypatch.setattr(
        companion_files, "list_companions", lambda names: listed.append(names) or list_companions(names)
    )
    old = 1_000_000_000_000_000_000
    os.utime(tmp_path, ns=(old, old))
    for _ in range(3):
        assert read_sidecar(tmp_path / "a.jpg") == Sidecar()
    assert len(listed) == 1
    (tmp_path / "a.xmp").write_bytes(xmp({"xmp:Rating": "4"}))
    assert read_sidecar(tmp_path / "a.jpg").facts.rating == 4
    assert len(listed) == 2
