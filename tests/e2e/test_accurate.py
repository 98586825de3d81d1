"""Tests of the second shipped network, `accurate`, by the same commands."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from attune.retrieval.demo import SAMPLES
from attune.tests.e2e.command import attune, attune_json


@pytest.mark.slow
def test_a_library_is_built_by_the_accurate_network_and_goes_back(tmp_path: Path) -> None:
    media, library = tmp_path / "media", tmp_path / "library"
    media.mkdir()
    for file in sorted((SAMPLES / "photos").iterdir())[:12] + sorted((SAMPLES / "music").iterdir())[:2]:
        shutil.copy(file, media)
    (media / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    song = next(media.glob("*.opus"))

    built = attune("build-index", media, "--network", "accurate", library=library)
    assert built.returncode == 0, built.stderr
    found = attune_json("find-images", song, "-n", "5", library=library)
    assert found["library"]["network"].startswith("accurate-")
    assert len(found["results"]) == 5
    (why, *_) = (one["why"] for one in attune_json("find-images", song, "--why", library=library)["results"])
    assert "musicnn hears" in why
    assert attune_json("match", next(media.glob("photo*.jpg")), song, library=library)["score"] > 0

    other = attune("build-index", media, "--network", "attune", library=library)
    assert "read again for another backbone" in other.stdout
    assert attune_json("find-images", song, library=library)["library"]["network"].startswith("attune-")
    back = attune("build-index", media, "--network", "accurate", library=library)
    assert "from stored features" in back.stdout
    again = attune_json("find-images", song, "-n", "5", library=library)
    assert [one["path"] for one in again["results"]] == [one["path"] for one in found["results"]]
    assert [one["score"] for one in again["results"]] == [one["score"] for one in found["results"]]
