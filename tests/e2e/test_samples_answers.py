"""Tests of the shipped network on the shipped samples."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

from attune.retrieval.demo import SAMPLES
from attune.tests.e2e.command import attune_json


def test_every_sample_is_read(samples_library: Path) -> None:
    status = attune_json("status", library=samples_library)
    assert status["images"] == len(list((SAMPLES / "photos").iterdir()))
    assert status["music"] == len(list((SAMPLES / "music").iterdir()))
    assert status["skipped"] == 0


def find_pictures(mood: str, library: Path) -> list[dict[str, Any]]:
    song = attune_json("browse", "--mood", mood, "--kind", "music", "-n", 1, library=library)["results"][0]
    found: list[dict[str, Any]] = attune_json("find-images", song["path"], library=library)["results"]
    return found


def test_a_sad_and_a_festive_song_get_different_pictures(samples_library: Path) -> None:
    sad, festive = find_pictures("sad", samples_library), find_pictures("festive", samples_library)
    assert mean(p["valence"] for p in festive) - mean(p["valence"] for p in sad) > 0.3
    assert len({p["path"] for p in sad} & {p["path"] for p in festive}) <= 2


def test_the_network_carries_its_test_report(samples_library: Path) -> None:
    figures = attune_json("status", library=samples_library)["test"]
    assert figures["protocol"]["split"] == "test"
    accuracy, (low, high) = figures["correspondence"]["accuracy"], figures["correspondence"]["ci95"]
    assert low < accuracy < high
    photo, song = (sorted((SAMPLES / folder).iterdir())[0] for folder in ("photos", "music"))
    match = attune_json("match", photo, song, library=samples_library)
    assert match["network"]["test"]["correspondence"]["accuracy"] == accuracy
