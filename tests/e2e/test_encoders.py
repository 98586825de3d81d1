"""Test of a brought encoder, from a checkpoint to answers and evaluation; only the training has torch."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from attune.tests.e2e.command import attune, attune_json
from attune.tests.media_factory import photo, song
from attune.tests.open_clip_factory import write_model

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("own")
    for place, word in enumerate(("positive", "negative")):
        for kind in ("photos", "songs"):
            (root / kind / word).mkdir(parents=True)
        for number in range(6):
            photo(root / "photos" / word / f"{number}.jpg", 10 * place + number)
            song(root / "songs" / word / f"{number}.flac", 10 * place + number, seconds=4.0)
    return root


def test_a_model_of_open_clip_becomes_a_network(
    folders: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, library = tmp_path / "mine", tmp_path / "library"
    given = ("--images", folders / "photos", "--music", folders / "songs")
    spelled = write_model(tmp_path / "model")
    options = ("--image-backbone", spelled, "--cache", tmp_path / "cache", "-o", network, "--workers", 2)
    options += ("--device", "auto")
    trained = attune("train", *given, *options)
    assert trained.returncode == 0, trained.stderr
    assert "accuracy" in trained.stdout
    assert "Backbones ran on " in trained.stderr
    config = json.loads((network / "network.json").read_text())
    own = config["image_backbone"]
    assert (own["name"], own["width"], own["size"], own["fit"]) == ("open_clip-tiny-tiny", 24, 32, "crop")
    assert (network / own["file"]).is_file()
    assert (own["text"]["file"], own["text"]["context"]) == ("text.onnx", 12)
    assert "what they show" not in trained.stderr

    # From here on torch cannot be imported, as on a machine without it.
    (tmp_path / "blocked" / "torch").mkdir(parents=True)
    (tmp_path / "blocked" / "torch" / "__init__.py").write_text("raise ImportError('no torch here')\n")
    paths = [str(tmp_path / "blocked"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    built = attune("build-index", folders, "--network", network, library=library)
    assert built.returncode == 0, built.stderr
    song = folders / "songs" / "positive" / "0.flac"
    answer = attune_json("find-images", song, "--all-alike", library=library)
    assert len(answer["results"]) == 10
    stranger = photo(tmp_path / "stranger.jpg", 99)
    assert len(attune_json("find-music", stranger, "--all-alike", library=library)["results"]) == 10
    words = ("--words", "a sad dog by the sea", "--meaning", 1, "--why")
    found = attune_json("find-images", *words, "--all-alike", library=library)
    assert set(found["words"][0]["named"]) == {"dog", "sea"}
    assert "a sad dog by the sea ↔ more than 91% of pictures" in json.dumps(
        found["results"][0], ensure_ascii=False
    )
    report = attune_json("evaluate", *given, "--system", network)
    assert report["protocol"]["images"] == 12
    assert report["system"].startswith(f"{network.name}-")


def test_a_wrong_checkpoint_is_one_line(folders: Path, tmp_path: Path) -> None:
    given = ("--images", folders / "photos", "--music", folders / "songs", "-o", tmp_path / "mine")
    write_model(tmp_path / "model")
    wrong = tmp_path / "wrong.pt"
    wrong.write_bytes(b"no weights")
    spelled = f"open_clip:{tmp_path / 'model' / 'tiny.json'},{wrong}"
    result = attune("train", *given, "--image-backbone", spelled)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "the weights cannot be loaded" in result.stderr
    assert not (tmp_path / "mine").exists()


def test_a_model_with_another_tokenizer_says_that_words_have_no_meaning(
    folders: Path, tmp_path: Path
) -> None:
    spelled = write_model(tmp_path / "model", vocab_size=64)
    too_few = folders / "photos" / "positive"  # so that the run ends before it trains
    given = ("--images", too_few, "--music", folders / "songs", "--image-backbone", spelled)
    lines = attune("train", *given, "-o", tmp_path / "mine").stderr.splitlines()
    assert lines[0].endswith("not by what they show: it knows 64 tokens, and its tokenizer gives 49408")
    assert len(lines) == 2
