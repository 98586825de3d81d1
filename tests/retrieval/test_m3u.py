"""Playlists, read back as players read them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attune.indexer.records import Item
from attune.retrieval.answers import Answer
from attune.retrieval.m3u import Track, write_m3u
from attune.tests.affect_factory import make_affect


def track(path: str, title: str | None = None, artist: str | None = None) -> Track:
    item = Item(
        id=1,
        kind="music",
        path=path,
        affect=make_affect(),
        feature_row=0,
        feature_rows=1,
        features_crc=0,
        content=b"",
        title=title,
        artist=artist,
        duration_s=9.4,
    )
    return Track(Answer(item, 1, 0.5), 9.4)


def read_m3u(playlist: Path) -> list[str]:
    """Return the files of a playlist, as players find them: lines are stripped, `name:` begins a URL."""
    found = []
    for line in playlist.read_text(encoding="utf-8").splitlines():
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", entry):
            parts = urlsplit(entry)
            assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("file", "", "", "")
            found.append(os.fsdecode(unquote_to_bytes(parts.path)))
        else:
            found.append(os.path.normpath(os.path.join(playlist.parent, entry)))  # noqa: PTH118
    return found


_NAMES = st.one_of(
    st.text("a #:./\\%~-\t\n\r\x0b\x85\u2028\u3000\ufeffé?&", min_size=1, max_size=8),
    st.binary(min_size=1, max_size=12).map(os.fsdecode),
).filter(lambda name: "/" not in name and "\0" not in name and name not in (".", ".."))


@given(st.lists(_NAMES, min_size=1, max_size=4), _NAMES)
@example([" leading", "#1", "http:", "C:", "a\nb", "a\r", "odd \udcff", "trailing ", "%41", "\ufeff"], "x")
def test_players_find_every_song(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], folder: str
) -> None:
    base = tmp_path_factory.getbasetemp()
    paths = [f"{base}/{folder}/{name}" for name in names] + [f"{base}/{name}" for name in names]
    write_m3u(base / "list.m3u", [track(path) for path in paths])
    assert read_m3u(base / "list.m3u") == paths


@given(st.text(max_size=12), st.text(max_size=12))
def test_tags_never_break_a_playlist(
    tmp_path_factory: pytest.TempPathFactory, title: str, artist: str
) -> None:
    base = tmp_path_factory.getbasetemp()
    write_m3u(base / "tags.m3u", [track(f"{base}/a.ogg", title, artist)])
    assert read_m3u(base / "tags.m3u") == [f"{base}/a.ogg"]
    assert (base / "tags.m3u").read_text(encoding="utf-8").splitlines()[1].startswith("#EXTINF:9,")


def test_plain_names_stay_relative_and_readable(tmp_path: Path) -> None:
    paths = [f"{tmp_path}/Ann – Tune.ogg", f"{tmp_path.parent}/up.ogg", f"{tmp_path}/#1.ogg"]
    write_m3u(tmp_path / "a.m3u", [track(path) for path in paths])
    entries = (tmp_path / "a.m3u").read_text(encoding="utf-8").splitlines()[2::2]
    assert entries == ["Ann – Tune.ogg", "../up.ogg", "./#1.ogg"]
