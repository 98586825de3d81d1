"""Reading of a media file: in one opening, and not while it changes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from attune.core.errors import UnreachableMedia
from attune.embedding import image_decoding
from attune.embedding.backbones import compute_patches
from attune.embedding.feature_extraction import read_media
from attune.embedding.image_geometry import DEFAULT_IMAGE_SPEC
from attune.embedding.media_facts import MediaFacts
from attune.tests.media_factory import dated_photo, photo, song

COUNT_OPENINGS = """
import sys
from pathlib import Path
from attune.embedding.backbones import compute_patches
from attune.embedding.image_geometry import DEFAULT_IMAGE_SPEC
from attune.embedding.feature_extraction import read_media
path = Path(sys.argv[1])
opened = []
sys.addaudithook(lambda event, given: opened.append(given[0]) if event == "open" and not given[1] else None)
read_media(path, sys.argv[2], DEFAULT_IMAGE_SPEC, compute_patches)
print(sum(str(name) == str(path) for name in opened))
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "image"), ("a.tiff", "image"), ("a.flac", "music")])
def test_a_file_is_opened_once(tmp_path: Path, name: str, kind: str) -> None:
    path = (photo if kind == "image" else song)(tmp_path / name, 1)
    command = [sys.executable, "-c", COUNT_OPENINGS, str(path), kind]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"


def test_facts_of_a_picture(tmp_path: Path) -> None:
    path = dated_photo(tmp_path / "a.jpg", 1, "2023:07:14 18:20:05")
    content = hashlib.sha256(path.read_bytes()).digest()
    facts = read_media(path, "image", DEFAULT_IMAGE_SPEC, compute_patches).facts
    assert facts == MediaFacts(content=content, width=320, height=240, taken="2023-07-14T18:20:05")


@pytest.mark.parametrize("change", ["written", "replaced", "removed"])
def test_a_file_that_changes_meanwhile_is_read_another_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = photo(tmp_path / "a.jpg", 1)
    decode = image_decoding.decode_image_file

    def change_and_decode(*given: object) -> object:
        if change == "written":
            path.write_bytes(path.read_bytes() + b"more")
        elif change == "replaced":
            photo(tmp_path / "b.jpg", 2).replace(path)
        else:
            path.unlink()
        return decode(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(image_decoding, "decode_image_file", change_and_decode)
    with pytest.raises(UnreachableMedia, match="changed while it was read"):
        read_media(path, "image", DEFAULT_IMAGE_SPEC, compute_patches)
