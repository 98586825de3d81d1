"""Readers of data sets, on small folders with the layout of each."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from mutagen.flac import FLAC

from attune.core.errors import UsageError
from attune.tests.media_factory import photo, song
from attune.training.manifest import LabelledRow
from attune.training.readers import read_labelled

MIKELS = ("amusement", "awe", "contentment", "excitement", "anger", "disgust", "fear", "sadness")


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def _by_name(rows: list[LabelledRow]) -> dict[str, LabelledRow]:
    return {row.path.name: row for row in rows}


def test_a_manifest_is_read_as_ever(tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,polarity,split\na.jpg,positive,train\nb.jpg,negative,test\n")
    assert [row.path.name for row in read_labelled(manifest, "image", "test")] == ["b.jpg"]


def test_a_folder_a_class(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    for name in (
        "positive/a.jpg",
        "Negative/b.png",
        "neutral/beach/c.jpg",
        "neutral/beach/d.webp",
        "Q4/e.jpg",
    ):
        _touch(root / name)
    _touch(root / "positive" / "song.mp3")
    _touch(root / "positive" / "notes.txt")
    rows = _by_name(read_labelled(root, "image"))
    assert sorted(rows) == ["a.jpg", "b.png", "c.jpg", "d.webp", "e.jpg"]
    assert {name: row.polarity for name, row in rows.items()} == {
        "a.jpg": "positive",
        "b.png": "negative",
        "c.jpg": "neutral",
        "d.webp": "neutral",
        "e.jpg": "neutral",
    }
    assert rows["e.jpg"].quadrant == "Q4"
    assert rows["c.jpg"].group == rows["d.webp"].group == "beach"
    assert rows["a.jpg"].group != rows["b.png"].group
    assert {row.set for row in rows.values()} == {"mine"}


def test_classes_inside_splits(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        for word in ("positive", "negative"):
            _touch(tmp_path / split / word / f"{split}-{word}.jpg")
    rows = read_labelled(tmp_path, "image")
    assert sorted((row.split, row.polarity) for row in rows) == sorted(
        (split, word) for split in ("train", "val", "test") for word in ("positive", "negative")
    )
    assert [row.split for row in read_labelled(tmp_path, "image", "test")] == ["test", "test"]


def test_a_song_belongs_to_the_artist_of_its_tags(tmp_path: Path) -> None:
    for number, artist in enumerate(("Ann", "Ann", "Bob")):
        folder = tmp_path / ("positive" if number else "negative")
        folder.mkdir(exist_ok=True)
        path = song(folder / f"{number}.flac", number)
        tags = FLAC(path)
        tags["artist"] = artist
        tags.save()
    rows = _by_name(read_labelled(tmp_path, "music"))
    assert rows["0.flac"].group == rows["1.flac"].group == "Ann"
    assert rows["2.flac"].group == "Bob"


def test_a_class_that_nobody_knows_is_named(tmp_path: Path) -> None:
    _touch(tmp_path / "positive" / "a.jpg")
    _touch(tmp_path / "sunsets" / "b.jpg")
    with pytest.raises(UsageError, match=r"'sunsets' is not known.*sadness"):
        read_labelled(tmp_path, "image")


def test_imac_lists(tmp_path: Path) -> None:
    (tmp_path / "positive.txt").write_text("images/1.jpg\n\nimages/2.jpg\n")
    (tmp_path / "negative.txt").write_text("images/3.jpg\n")
    rows = read_labelled(tmp_path, "image")
    assert [(row.path, row.polarity) for row in rows] == [
        (tmp_path / "images/1.jpg", "positive"),
        (tmp_path / "images/2.jpg", "positive"),
        (tmp_path / "images/3.jpg", "negative"),
    ]
    (tmp_path / "neutral.txt").write_text("images/3.jpg\n")
    with pytest.raises(UsageError, match=r"images/3\.jpg is in two classes"):
        read_labelled(tmp_path, "image")


def test_emoset(tmp_path: Path) -> None:
    for split, words in (("train", MIKELS), ("val", MIKELS[:2]), ("test", MIKELS[-1:])):
        entries = []
        for word in words:
            image = f"image/{word}/{word}_{split}.jpg"
            _touch(tmp_path / image)
            entries.append([word, image, f"annotation/{word}/{word}_{split}.json"])
        (tmp_path / f"{split}.json").write_text(json.dumps(entries))
    rows = read_labelled(tmp_path, "image")
    assert len(rows) == 11
    polarity = {row.label: row.polarity for row in rows}
    assert [polarity[word] for word in MIKELS] == [
        "positive",
        "positive",
        "neutral",
        "positive",
        *["negative"] * 4,
    ]
    assert {row.label: row.quadrant for row in rows}["awe"] is None
    assert [row.label for row in read_labelled(tmp_path, "image", "test")] == ["sadness"]
    with pytest.raises(UsageError, match="no music"):
        read_labelled(tmp_path, "music")
    (tmp_path / "val.json").write_text('{"amusement": 3}')
    with pytest.raises(UsageError, match=r"val\.json: not a list"):
        read_labelled(tmp_path, "image")


def test_emid(tmp_path: Path) -> None:
    columns = ["Audio_Filename", "genre", "feeling", "emotion", "is_original_clip"]
    columns += [f"Image{n}_{part}" for n in (1, 2, 3) for part in ("filename", "tag", "text")]
    lines = [
        ("A_1.mp3", "A", "Amusing", "amusement", "True", ("p1.jpg", "amusement"), ("p2.jpg", "excitement")),
        ("K_1.mp3", "K", "Sad", "sadness", "True", ("p3.jpg", "sadness"), ("p1.jpg", "amusement")),
        ("K_1_2.mp3", "K", "Sad", "sadness", "False", ("p4.jpg", "fear"), ("p5.jpg", "contentment")),
    ]
    with (tmp_path / "EMID_data.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        writer.writeheader()
        for name, genre, feeling, emotion, original, *pictures in lines:
            cells = dict(zip(columns[:5], (name, genre, feeling, emotion, original), strict=True))
            for place, (image, tag) in enumerate(pictures, 1):
                cells |= {f"Image{place}_filename": image, f"Image{place}_tag": tag}
                photo(_touch(tmp_path / "images" / tag / image), place)
            writer.writerow(cells)
            _touch(tmp_path / "audio" / name)
    music = _by_name(read_labelled(tmp_path, "music"))
    # Clips that are not original are left out, since no column names the track that they are cut from.
    assert {name: (row.polarity, row.quadrant) for name, row in music.items()} == {
        "A_1.mp3": ("positive", "Q1"),
        "K_1.mp3": ("negative", "Q3"),
    }
    assert music["A_1.mp3"].path == tmp_path / "audio" / "A_1.mp3"
    images = _by_name(read_labelled(tmp_path, "image"))
    assert sorted(images) == ["p1.jpg", "p2.jpg", "p3.jpg", "p4.jpg", "p5.jpg"]
    assert images["p5.jpg"].polarity == "neutral"
    assert images["p5.jpg"].path == tmp_path / "images" / "contentment" / "p5.jpg"


def test_a_folder_of_no_known_layout(tmp_path: Path) -> None:
    _touch(tmp_path / "DCIM" / "a.jpg")
    with pytest.raises(UsageError, match="no known layout"):
        read_labelled(tmp_path, "image")
    with pytest.raises(UsageError, match="no such manifest"):
        read_labelled(tmp_path / "gone", "image")
    (tmp_path / "positive").mkdir()
    (tmp_path / "DCIM" / "a.jpg").rename(tmp_path / "positive" / "a.txt")
    with pytest.raises(UsageError, match="no rows"):
        read_labelled(tmp_path, "image")
