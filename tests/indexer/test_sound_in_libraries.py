"""What a library makes of recordings that differ in level, channels and silence, or hold no music."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from attune import cli
from attune.core.errors import ArtefactError
from attune.core.library_address import DatabaseAddress, LibraryAddress
from attune.embedding import backbones as backbones_module
from attune.embedding import network_config
from attune.embedding.audio_decoding import iter_audio
from attune.embedding.backbones import DEFAULT_BACKBONES, PATCH_S
from attune.embedding.network import open_network
from attune.indexer.library import LibraryReader
from attune.retrieval.search import Filters, search_nearest
from attune.tests.conftest import only_in_a_folder, run_build
from attune.tests.embedding.test_steady_noise import noise
from attune.tests.media_factory import photo

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "music" / "song-01.opus"
RATE = 22_050


def mono(end_s: float = 12.0) -> NDArray[np.float32]:
    """Return the beginning of a song, float32 (n, 1)."""
    blocks = [block for _, block in iter_audio(SAMPLE, RATE, "mono", 0.0, end_s)]
    return 0.4 * np.concatenate(blocks, axis=1).T


def silence(seconds: float) -> NDArray[np.float32]:
    return np.zeros((round(seconds * RATE), 1), np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    song = mono()
    none = np.zeros_like(song)
    hiss = noise("white", 10, rate=RATE)[:, None]
    contents = {
        "song": song,
        "20 dB softer": 0.1 * song,
        "6 dB above full scale": song * np.float32(2 / np.abs(song).max()),
        "right is minus left": np.hstack([song, -song]),
        "fronts of 5.1": np.hstack([song, song, none, none, none, none]),
        "then silence": np.concatenate([song, silence(10)]),
        "after silence": np.concatenate([silence(10 * PATCH_S), song]),
        "silence": silence(10),
        "soft hiss": np.float32(0.002) * hiss,
        "hiss": hiss,
    }
    for name, samples in contents.items():
        floats = name.startswith("6 dB")
        path = folder / f"{name}.{'wav' if floats else 'flac'}"
        soundfile.write(path, samples, RATE, subtype="FLOAT" if floats else "PCM_24")
    photo(folder / "photo.jpg", 1)
    return folder


@pytest.fixture(scope="module")
def sounds(
    library_kind: str, request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> LibraryAddress:
    """A library of the folder."""
    library: LibraryAddress = tmp_path_factory.mktemp("library") / "library"
    if library_kind == "postgres":
        server = request.getfixturevalue("postgres")
        library = DatabaseAddress(server.address(server.create_database()))
    run_build(library, open_network(), folder)
    return library


def run_json(capsys: pytest.CaptureFixture[str], library: LibraryAddress, *arguments: object) -> Any:
    assert cli.run([*map(str, arguments), "--json", "--library", str(library)]) == 0
    return json.loads(capsys.readouterr().out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


def test_only_the_music_counts(sounds: LibraryAddress) -> None:
    with LibraryReader(sounds) as opened:
        found = {Path(path).stem: opened.items([item])[item] for item, path in opened.paths("music")}
    report = run_build(sounds, open_network())
    skipped = {Path(skip.path).name: skip.reason for skip in report.skipped}
    song = found.pop("song").affect
    assert sorted(found) == [
        "20 dB softer",
        "6 dB above full scale",
        "after silence",
        "fronts of 5.1",
        "right is minus left",
        "then silence",
    ]
    for name, item in found.items():
        # The patch in which the song ends is heard with a second of silence.
        tolerance = 0.05 if name in {"then silence", "after silence"} else 0.01
        assert item.affect.valence == pytest.approx(song.valence, abs=tolerance), name
        assert item.affect.arousal == pytest.approx(song.arousal, abs=tolerance), name
    assert skipped == {
        "silence.flac": "silent: nothing in it is louder than -70 LUFS",
        "soft hiss.flac": "silent: nothing in it is louder than -70 LUFS",
        "hiss.flac": "nothing but hiss: steady noise without any music in it",
    }


def test_silence_is_nobodys_best_moment(sounds: LibraryAddress) -> None:
    network = open_network()
    with LibraryReader(sounds) as opened:
        for seed in range(20):
            vector = np.random.default_rng(seed).standard_normal(128).astype(np.float32)
            vector /= np.linalg.norm(vector)
            for answer in search_nearest(opened, network, vector, "music", Filters()):
                name, moment = Path(answer.path).stem, answer.moment
                assert moment is not None
                assert np.isfinite(moment.score)
                if name == "then silence":
                    assert moment.start_s < 9
                if name == "after silence":
                    assert moment.start_s > 9 * PATCH_S - 1


@only_in_a_folder
def test_a_curve_has_no_points_in_silence(
    sounds: LibraryAddress, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    curves = {}
    for name in ("song", "then silence", "after silence"):
        [mood] = run_json(capsys, sounds, "mood", folder / f"{name}.flac")["files"]
        curves[name] = [point["start_s"] for point in mood["curve"]]
    assert curves["song"] == pytest.approx([0, PATCH_S], abs=0.01)
    assert curves["then silence"] == pytest.approx([0, PATCH_S, 2 * PATCH_S], abs=0.01)
    assert curves["after silence"] == pytest.approx([9 * PATCH_S, 10 * PATCH_S, 11 * PATCH_S], abs=0.01)
    assert cli.run(["mood", str(folder / "after silence.flac"), "--library", str(sounds)]) == 0
    drawn = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  valence")]
    assert re.fullmatch("  valence  {9}[▁-█]{3}", drawn[0])


@only_in_a_folder
def test_queries_say_what_cannot_be_heard(
    sounds: LibraryAddress, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--library", sounds)
    for arguments, said in (
        (("find-images", folder / "silence.flac"), "silent: nothing in it is louder than -70 LUFS"),
        (("mood", folder / "hiss.flac"), "nothing but hiss: steady noise"),
        (
            ("find-images", folder / "after silence.flac", "--from", "0:05", "--to", "0:20"),
            "nothing but silence lies between --from and --to",
        ),
    ):
        assert cli.run([*map(str, (*arguments, *place))]) != 0
        assert said in " ".join(capsys.readouterr().err.split())


@only_in_a_folder
def test_why_and_match_with_a_song_that_begins_with_silence(
    sounds: LibraryAddress, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song, picture = folder / "after silence.flac", folder / "photo.jpg"
    matched = run_json(capsys, sounds, "match", picture, song)
    assert matched["music"]["moment"]["start_s"] > 9 * PATCH_S - 1
    whole = run_json(capsys, sounds, "find-images", song, "--why")
    assert "song fits best at 0:2" in whole["results"][0]["why"]
    # Of the part, less than half of any moment sounds.
    part = run_json(capsys, sounds, "find-images", song, "--why", "--from", "0:20", "--to", "0:32")
    assert part["results"][0]["why"]


def test_another_preprocessing_is_another_backbone(
    library: LibraryAddress,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("song.flac", "photo.jpg"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    backbone = DEFAULT_BACKBONES["music"]
    with monkeypatch.context() as earlier:
        earlier.setattr(backbones_module, "PREPROCESSING_VERSIONS", {"image": 2, "music": 1})
        with pytest.raises(ArtefactError, match=backbone.id):
            open_network()  # it was trained on the features of today
        earlier.setattr(network_config, "_check_version", lambda *_: None)
        old_id, old_network = backbone.id, open_network().id
        run_build(library, open_network(), tmp_path)
    assert backbone.id != old_id
    assert open_network().id != old_network
    assert cli.run(["find-music", str(tmp_path / "photo.jpg"), "--library", str(library)]) != 0
    assert "build-index" in capsys.readouterr().err
    assert cli.run(["build-index", "--library", str(library)]) == 0
    said = capsys.readouterr()
    assert "1 files must be read again" in " ".join(said.err.split())
    assert "1 read again for another backbone" in said.out
    again = run_build(library, open_network())
    assert (again.read_again, again.unchanged) == (0, 2)
    [found] = run_json(capsys, library, "find-music", tmp_path / "photo.jpg")["results"]
    assert Path(found["path"]).name == "song.flac"
