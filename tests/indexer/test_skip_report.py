"""What builds and `status` say about files that are not in the library."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from attune import cli
from attune.core.library_address import LibraryAddress
from attune.tests.conftest import only_in_a_folder
from attune.tests.indexer.test_unreachable_roots import small_pictures


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for path in small_pictures(folder, 30):
        path.rename(path.with_suffix(".jpg"))
        path.with_suffix(".MOV").write_bytes(b"the video of a Live Photo")
    for number in range(12):
        (folder / f"damaged {number:02d}.jpg").write_bytes(b"\xff\xd8\xff no picture %d" % number)
    for number in range(2):
        (folder / f"film {number}.mp4").write_bytes(b"a video %d" % number)
    (folder / "link.jpg").symlink_to(folder / "000.jpg")
    return folder


def run(capsys: pytest.CaptureFixture[str], library: LibraryAddress, *arguments: object) -> tuple[str, str]:
    assert cli.run([*map(str, arguments), "--library", str(library)]) == 0
    said = capsys.readouterr()
    return said.out, said.err


def test_a_refresh_says_only_what_is_new(
    library: LibraryAddress, photos: Path, network_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, err = run(capsys, library, "build-index", photos, "--network", network_folder)
    lines = err.splitlines()
    assert lines[0] == "14 files were skipped:"
    assert [line for line in lines if "film" in line] == [
        f"  {photos}/film {number}.mp4: video files are not read: save the sound as .m4a, or a still as .jpg"
        for number in range(2)
    ]
    [group] = [line for line in lines if line.startswith("  12 files: ")]
    assert len([line for line in lines if "damaged " in line and line.startswith("    ")]) == 10
    assert lines[-1] == "    and 2 more"
    assert "MOV" not in err

    for _ in range(2):
        out, err = run(capsys, library, "build-index")
        assert err == "14 files are skipped as before; `attune status --skipped` lists them\n"
        assert out.splitlines()[1] == "30 unchanged; generation 1"

    (photos / "film 2.mp4").write_bytes(b"another video")
    _, err = run(capsys, library, "build-index")
    assert err.splitlines() == [
        "1 file was skipped:",
        f"  {photos}/film 2.mp4: video files are not read: save the sound as .m4a, or a still as .jpg",
        "14 files are skipped as before; `attune status --skipped` lists them",
    ]

    out, _ = run(capsys, library, "status")
    assert "left out   30 videos of Live Photos" in out
    assert "left out   1 symbolic links, not followed" in out
    out, _ = run(capsys, library, "status", "--skipped")
    assert group in out.splitlines()
    assert out.count("damaged ") >= 12
    out, _ = run(capsys, library, "status", "--json")
    document = json.loads(out)
    assert sum(document["skipped_by_reason"].values()) == document["skipped"] == 15
    assert document["omissions"] == {"videos of Live Photos": 30, "symbolic links, not followed": 1}


@only_in_a_folder
def test_a_picture_of_nothing_is_skipped_and_no_query(
    tmp_path: Path, library: LibraryAddress, network_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    small_pictures(folder, 2)
    lens_cap = folder / "lens cap.png"
    Image.new("RGB", (60, 40), (3, 2, 4)).save(lens_cap)
    reason = "nothing to see: nearly all of it is black"
    _, err = run(capsys, library, "build-index", folder, "--network", network_folder)
    assert err.splitlines() == ["1 file was skipped:", f"  {lens_cap}: {reason}"]
    _, err = run(capsys, library, "build-index")
    assert err == "1 file is skipped as before; `attune status --skipped` lists them\n"
    assert reason in run(capsys, library, "status", "--skipped")[0]
    assert cli.run(["find-music", str(lens_cap), "--library", str(library)]) == 1
    assert f"lens cap.png: {reason}" in capsys.readouterr().err
