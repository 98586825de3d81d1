"""Evaluation of a network on labelled files; its ranking is that of `find-images` over the same files."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from attune.core.errors import UsageError
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.retrieval.queries import find
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryResolver
from attune.tests.conftest import PHOTOS, SONGS, run_build
from attune.tests.e2e.command import attune, attune_json
from attune.tests.media_factory import damaged
from attune.training import evaluation_log
from attune.training.evaluate import EvaluationRequest, evaluate_network
from attune.training.evaluation_metrics import evaluate_scores
from attune.training.manifest import polarity_codes, read_manifest
from attune.training.metric_tables import print_log_notice
from attune.training.metrics import precision_at
from attune.training.pair_scores import PairScores

POLARITIES = ("positive", "neutral", "negative")
REPORT = evaluate_scores([], [], PairScores.single(np.zeros((0, 0))), "empty")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the layout of a checkout, in which the log of test runs is kept."""
    folder = tmp_path / "checkout"
    (folder / "docs").mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    monkeypatch.setattr(evaluation_log, "LOG", folder / "docs" / "test-log.csv")
    for variable in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(variable)  # in a Git hook, GIT_DIR would name the repository of Attune itself
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder


@pytest.fixture
def manifests(own_media: Path) -> tuple[Path, Path]:
    files = sorted(path for path in own_media.rglob("*.*"))
    music = [path for path in files if path.name.startswith("song")]
    images = [path for path in files if path not in music]
    return _write(own_media / "images.csv", images), _write(own_media / "music.csv", music)


def _write(path: Path, files: list[Path]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["path", "split", "set", "group", "polarity", "quadrant", "valence", "arousal", "label"]
        )
        for index, media in enumerate(files):
            polarity = POLARITIES[index % 3]
            row = [
                media.relative_to(path.parent),
                "held out",
                "made",
                f"group {index}",
                polarity,
                "",
                "",
                "",
                "",
            ]
            writer.writerow(row)
    return path


@pytest.mark.slow
def test_ranking_equals_find_images(
    manifests: tuple[Path, Path], own_media: Path, tmp_path: Path, network: Network
) -> None:
    images, music = manifests
    evaluation = evaluate_network(
        EvaluationRequest(images, music), network, "random", Settings(workers=2), SilentProgress()
    )
    assert evaluation.skipped == []

    run_build(tmp_path / "library", network, own_media)
    image_rows, music_rows = read_manifest(images), read_manifest(music)
    place = {str(row.path): index for index, row in enumerate(image_rows)}
    scores = np.zeros((len(music_rows), len(image_rows)))
    with LibraryReader(tmp_path / "library") as library:
        seeds = QueryResolver(library, network)
        for row, song in enumerate(music_rows):
            for result in find(library, network, seeds, [str(song.path)], Filters(limit=PHOTOS)).results:
                scores[row, place[result.path]] = result.score
    found = precision_at(scores, polarity_codes(music_rows), polarity_codes(image_rows), k=5)
    assert found == pytest.approx(evaluation.report.to_json()["retrieval"]["music_to_image"]["p@5"], abs=1e-9)


@pytest.mark.slow
def test_the_command_prints_the_whole_contract(manifests: tuple[Path, Path], network_folder: Path) -> None:
    images, music = manifests
    options = ("--images", images, "--music", music, "--system", network_folder)
    document = attune_json("evaluate", *options)
    assert document["protocol"] == {
        "split": "held out",
        "images": PHOTOS,
        "music": SONGS,
        "image_sets": ["made"],
        "music_sets": ["made"],
    }
    assert {"accuracy", "ci95", "auc", "ece"} <= set(document["correspondence"])
    ways = {
        "p@1",
        "p@5",
        "p@10",
        "mrr",
        "ndcg@10",
        "chance_p",
        "coverage@10",
        "chance_coverage@10",
        "hub_lift@10",
    }
    assert set(document["retrieval"]) == {"music_to_image", "image_to_music"}
    assert all(ways <= set(figures) for figures in document["retrieval"].values())
    assert set(document["affect"]) == {"spearman", "spearman_within", "valence_slope", "arousal_slope"}
    mood = {"accuracy", "ci95", "auc", "auc_ci95", "ece", "music_to_image", "image_to_music", "confusion"}
    assert set(document["mood"]) == mood
    assert document["mood"]["auc"] is None  # no row has a quadrant
    assert {"accuracy", "balanced_accuracy", "majority", "valence_r", "arousal_r"} <= set(document["image"])
    assert {"accuracy", "balanced_accuracy", "majority", "valence_sign"} <= set(document["music"])
    assert document["image"]["valence_r"] is None
    table = attune("evaluate", *options)
    assert table.returncode == 0
    for words in ("hub_lift@10", "linear probe of polarity", "network's own polarity", "pairs called alike"):
        assert words in table.stdout
    assert max(map(len, table.stdout.splitlines())) <= 120
    retrieval = attune_json("benchmark", "retrieval", *options)
    assert retrieval == {key: document[key] for key in ("system", "protocol", "retrieval")}


@pytest.mark.slow
def test_unreadable_files_are_left_out_and_named(manifests: tuple[Path, Path], network: Network) -> None:
    images, music = manifests
    unreadable = read_manifest(images)[0].path
    damaged(unreadable, "text")
    evaluation = evaluate_network(
        EvaluationRequest(images, music), network, "random", Settings(workers=2), SilentProgress()
    )
    assert [error.path for error in evaluation.skipped] == [unreadable]
    assert evaluation.report.to_json()["protocol"]["images"] == PHOTOS - 1


@pytest.mark.slow
def test_a_file_of_the_wrong_kind_is_left_out(manifests: tuple[Path, Path], network: Network) -> None:
    images, music = manifests
    song = read_manifest(music)[0].path
    with images.open("a", encoding="utf-8") as file:
        file.write(f"{song.name},held out,made,another,positive,,,,\n")
    evaluation = evaluate_network(
        EvaluationRequest(images, music), network, "random", Settings(workers=2), SilentProgress()
    )
    assert [error.path for error in evaluation.skipped] == [song]
    assert evaluation.report.to_json()["protocol"]["images"] == PHOTOS
    assert evaluation.report.to_json()["protocol"]["music"] == SONGS


def test_a_manifest_without_usable_files_is_refused(tmp_path: Path, network: Network) -> None:
    (tmp_path / "images.csv").write_text("path\nnowhere.jpg\n")
    with pytest.raises(UsageError, match="can be read"):
        request = EvaluationRequest(tmp_path / "images.csv", tmp_path / "images.csv")
        evaluate_network(request, network, "random", Settings(workers=1), SilentProgress())


@pytest.mark.slow
def test_only_runs_on_the_test_split_are_logged(
    manifests: tuple[Path, Path], network: Network, checkout: Path
) -> None:
    images, music = manifests
    request = EvaluationRequest(images, music)
    evaluation = evaluate_network(request, network, "random", Settings(workers=2), SilentProgress())
    assert not evaluation.saw_test
    for path in manifests:
        path.write_text(path.read_text().replace("held out", "test"))
    evaluation = evaluate_network(request, network, "random", Settings(workers=2), SilentProgress())
    assert evaluation.saw_test

    for _ in range(2):
        evaluation_log.log_test_run(evaluation.report, network.id)
    lines = (checkout / "docs" / "test-log.csv").read_text().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("date,commit,network")
    assert lines[0].endswith("auc,ece,mood_auc,mood_auc_low,mood_auc_high")
    assert lines[1].endswith(",,,")  # no row has a quadrant
    assert lines[1].split(",")[2] == network.id


def test_the_log_itself_does_not_make_the_tree_dirty(checkout: Path) -> None:
    program = shutil.which("git")
    if program is None:
        pytest.skip("git is not installed")
    options = ("user.name=a", "user.email=a@b.example", "commit.gpgsign=false")
    git = (program, "-C", str(checkout), *(part for option in options for part in ("-c", option)))
    subprocess.run([*git, "init", "-q"], check=True)
    evaluation_log.log_test_run(REPORT, "before the first commit")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    for system in ("first", "second"):
        evaluation_log.log_test_run(REPORT, system)
    (checkout / "pyproject.toml").write_text("changed")
    evaluation_log.log_test_run(REPORT, "third")
    with (checkout / "docs" / "test-log.csv").open() as stream:
        commits = {row["network"]: row["commit"] for row in csv.DictReader(stream)}
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert commits["before the first commit"] == ""
    assert commits["first"] == commits["second"] == head[: len(commits["first"])] != ""
    assert commits["third"] == f"{commits['first']}-dirty"


def test_every_row_of_the_kept_log_has_all_columns() -> None:
    with (Path(evaluation_log.__file__).parent.parent / "docs" / "test-log.csv").open() as stream:
        header, *rows = csv.reader(stream)
    assert tuple(header) == evaluation_log._COLUMNS
    assert {len(row) for row in rows} == {len(header)}


def test_an_installed_program_keeps_no_log_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluation_log, "LOG", tmp_path / "docs" / "test-log.csv")
    evaluation_log.log_test_run(REPORT, "any")
    assert not list(tmp_path.iterdir())
    print_log_notice()
    assert "was not logged" in capsys.readouterr().err


def test_a_checkout_keeps_its_log_without_a_notice(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_log_notice()
    assert capsys.readouterr().err == ""
