"""Parsers of our own, fed with anything: they answer or refuse in words, and never break."""

from __future__ import annotations

import contextlib
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attune.core.errors import ArtefactError, UsageError, escape_path, escape_text
from attune.core.exclusion_argument import resolve_exclusion
from attune.core.exclusion_rules import ExclusionRules
from attune.core.exclusions import Exclusion
from attune.core.paths import absolute_path, is_below
from attune.embedding.media_files import kind_of, refusal_reason
from attune.embedding.media_tags import read_tags
from attune.embedding.network_config import read_backbones, read_calibration, read_network_config
from attune.indexer.feature_store import FeatureStore
from attune.indexer.generations import INDEX_FILES, MANIFEST, generation_folder, open_index, read_manifest
from attune.indexer.salvage import _decode_record, _decode_varint, _iter_cells, _read_wal_pages
from attune.tests.networks import write_network

ANY_BYTES = st.binary(max_size=400)
NAMES = st.binary(min_size=1, max_size=80).filter(lambda name: b"\0" not in name).map(os.fsdecode)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=9),
    st.lists(st.integers(), max_size=3),
)

SQLITE_TYPES = {type(None), int, float, str, bytes}


@settings(deadline=None)
@given(st.text())
@example("\ud800 \udcff \u202e \x1b[0m \n")
def test_whatever_is_shown_can_be_printed(text: str) -> None:
    shown = escape_text(text)
    assert all(char.isprintable() for char in shown)
    shown.encode()


@settings(deadline=None)
@given(NAMES)
def test_every_name_of_a_file_can_be_shown_and_told_apart(name: str) -> None:
    assert escape_path(name).isprintable()
    stem = os.path.basename(name)  # noqa: PTH119 - Path drops a slash at the end
    hidden = stem == "" or stem.startswith("._")
    assert kind_of(f"{name}.JPG") == (None if hidden else "image")
    assert kind_of(f"{name}.mp3") == (None if hidden else "music")
    assert refusal_reason(name) is None or kind_of(name) is None


@settings(deadline=None)
@given(NAMES, st.one_of(st.text(max_size=20), st.text("ab*?[]!/\\#. ^-", max_size=12)))
@example("a", "\ud800")
@example("a", "/\0")
def test_exclusions_are_never_too_odd(name: str, text: str) -> None:
    path = absolute_path("/a/b/" + name.strip("/"))
    with contextlib.suppress(UsageError):
        rule = resolve_exclusion(text, ["/a/b"], "/a")
        excluded = ExclusionRules(["/a/b"], [rule]).excludes(path)
        assert not (excluded and rule.lifts)
        assert ExclusionRules(["/a/b"], [rule, Exclusion("/a", "/a")]).excludes(path) or rule.lifts
    assert isinstance(ExclusionRules(["/a/b"], [Exclusion(text)]).excludes(path), bool)
    assert is_below("/a/" + name.strip("/"), "/a")


@settings(deadline=None)
@given(st.integers(0, 2**63 - 1))
def test_varints_come_back(number: int) -> None:
    groups = []
    rest = number
    if number >= 1 << 56:
        groups, rest = [number & 0xFF], number >> 8
        groups += [(rest >> shift) & 0x7F | 0x80 for shift in range(0, 56, 7)]
    else:
        groups = [rest & 0x7F]
        while rest := rest >> 7:
            groups.append(rest & 0x7F | 0x80)
    data = bytes(groups[::-1])
    assert _decode_varint(data, 0) == (number, len(data))


@settings(deadline=None)
@given(st.dictionaries(st.integers(1, 5), st.binary(min_size=512, max_size=512), max_size=5))
def test_pages_of_noise_hold_no_rows_or_odd_ones(pages: dict[int, bytes]) -> None:
    leaves = {number: b"\x0d" + page[1:] for number, page in pages.items()}
    for rowid, values in _iter_cells(leaves):
        assert 0 <= rowid < 1 << 64
        assert {type(value) for value in values} <= SQLITE_TYPES


@settings(deadline=None)
@given(ANY_BYTES)
def test_a_log_of_noise_commits_nothing_wrong(noise: bytes) -> None:
    header = struct.pack(">8I", 0x377F0682, 3007000, 512, 0, 1, 2, 0, 0)
    assert all(len(page) == 512 for page in _read_wal_pages(header + noise * 4).values())
    assert _read_wal_pages(noise) == {}  # shorter than a page


@settings(deadline=None)
@given(ANY_BYTES)
def test_a_record_of_noise_is_decoded_or_refused(noise: bytes) -> None:
    with contextlib.suppress(IndexError, ValueError, struct.error):
        assert {type(value) for value in _decode_record(noise)} <= SQLITE_TYPES


@settings(max_examples=50, deadline=None)
@given(ANY_BYTES | VALUES.map(lambda value: json.dumps({"sha256": value, "counts": value}).encode()))
def test_a_manifest_of_anything_is_no_manifest(tmp_path_factory: object, data: bytes) -> None:
    library = Path(tmp_path_factory.mktemp("manifest"))  # type: ignore[attr-defined]
    folder = generation_folder(library, 1)
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_bytes(data)
    for name in INDEX_FILES.values():
        (folder / name).write_bytes(data)
    assert read_manifest(library, 1) is None
    assert open_index(library, 1, "network", "image") is None


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    key=st.sampled_from(["name", "sha256", "calibration", "image_backbone", "music_backbone"]), value=VALUES
)
def test_a_network_config_with_any_value_is_read_or_refused(
    tmp_path_factory: object, key: str, value: object
) -> None:
    folder = write_network(Path(tmp_path_factory.mktemp("card")))  # type: ignore[attr-defined]
    config = json.loads((folder / "network.json").read_text())
    (folder / "network.json").write_text(json.dumps(config | {key: value}))
    try:
        config = read_network_config(folder)
        read_calibration(folder, config)
        read_backbones(folder, config)
    except ArtefactError as error:
        assert str(folder) in str(error)
    else:
        assert key == "name"


@settings(max_examples=60, deadline=None)
@given(ANY_BYTES)
def test_tags_of_noise_are_no_tags(tmp_path_factory: object, noise: bytes) -> None:
    path = Path(tmp_path_factory.mktemp("tags")) / "song.mp3"  # type: ignore[attr-defined]
    path.write_bytes(b"ID3\x04\0\0" + noise)
    tags = read_tags(path)
    for text in (tags.title, tags.artist):
        assert text is None or (text.isprintable() and len(text) <= 300)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5), st.integers(0, 5), ANY_BYTES)
def test_a_store_of_noise_gives_what_the_checksum_says_or_nothing(
    tmp_path_factory: object, first: int, count: int, noise: bytes
) -> None:
    from attune.embedding.backbones import DEFAULT_BACKBONES

    library = Path(tmp_path_factory.mktemp("store"))  # type: ignore[attr-defined]
    store = FeatureStore(library, DEFAULT_BACKBONES["music"])
    store.open_at(0)
    next((library / "features").iterdir()).write_bytes(noise * 40)
    crc = store.compute_crc(first, count)
    kept = store.read(first, count, crc)
    assert (kept is None) == (crc is None)
    assert store.read(first, count, 1 if crc != 1 else 2) is None
    if kept is not None:
        assert kept.dtype == np.float16
