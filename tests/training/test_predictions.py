"""Anybody's scores, judged from a file by the protocol of `attune evaluate`."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from attune.core.errors import UsageError
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.network import open_network
from attune.tests.e2e.command import attune, attune_json
from attune.tests.media_factory import photo, song
from attune.training import evaluation_log
from attune.training.evaluate import EvaluationRequest, evaluate_network, evaluate_predictions
from attune.training.predictions import write_predictions

QUADRANTS = ("Q1", "Q2", "Q3", "Q4")
POLARITY = {"Q1": "positive", "Q2": "negative", "Q3": "negative", "Q4": "neutral"}
Write = Callable[..., Path]


def write_manifest(path: Path, names: list[str], split: str = "held out") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "split", "set", "group", "polarity", "quadrant"])
        for index, name in enumerate(names):
            quadrant = QUADRANTS[index % 4]
            writer.writerow([name, split, "made", f"group {index}", POLARITY[quadrant], quadrant])
    return path


@pytest.fixture(params=[".csv", ".parquet"])
def suffix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def labelled(tmp_path: Path) -> EvaluationRequest:
    """Labelled files that do not exist: eight pictures and four songs."""
    return EvaluationRequest(
        write_manifest(tmp_path / "images.csv", [f"photos/ü {number}.jpg" for number in range(8)]),
        write_manifest(tmp_path / "music.csv", [f"../songs/{number}.mp3" for number in range(4)]),
    )


def list_pairs() -> list[dict[str, Any]]:
    """Return a row for each pair; pictures and songs of one quadrant have the highest scores."""
    random = np.random.default_rng(0)
    return [
        {
            "image": f"photos/ü {image}.jpg",
            "music": f"../songs/{number}.mp3",
            "score": float(random.normal(3.0 if image % 4 == number else 0.0)),
        }
        for image in range(8)
        for number in range(4)
    ]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    frame = pandas.DataFrame(rows)
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


def judge(labelled: EvaluationRequest, path: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return evaluate_predictions(labelled, write(path, rows), "others").report.to_json()


def without_names(document: dict[str, Any]) -> dict[str, Any]:
    return {key: document[key] for key in ("protocol", "correspondence", "retrieval", "mood")} | {
        "spearman": document["affect"]["spearman"]
    }


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".parquet"], indirect=True)
def test_the_shipped_networks_own_scores_have_its_own_figures(tmp_path: Path, suffix: str) -> None:
    names = {"image": [f"{seed}.jpg" for seed in range(12)], "music": [f"{seed}.flac" for seed in range(8)]}
    for seed, name in enumerate(names["image"]):
        photo(tmp_path / name, seed)
    for seed, name in enumerate(names["music"]):
        song(tmp_path / name, seed, seconds=4.0)
    images = write_manifest(tmp_path / "images.csv", names["image"])
    music = write_manifest(tmp_path / "music.csv", names["music"])
    request, network = EvaluationRequest(images, music), open_network()
    own = evaluate_network(request, network, "own", Settings(workers=2), SilentProgress())
    path = tmp_path / f"predictions{suffix}"
    write_predictions(path, own.images, own.music, own.scores)
    for name in (*names["image"], *names["music"]):
        (tmp_path / name).unlink()  # no media file is opened
    judged = evaluate_predictions(request, path, "judged").report.to_json()
    expected = own.report.to_json()
    assert without_names(judged) == without_names(expected)
    assert judged["correspondence"]["ece"] is not None and judged["mood"]["ece"] is not None
    assert judged["system"] == "judged"
    assert judged["image"]["majority"] == expected["image"]["majority"]
    for side in ("image", "music"):
        figures = {key: value for key, value in judged[side].items() if key != "majority"}
        empty = {"probe": {"accuracy": None, "balanced_accuracy": None}}
        assert figures == {key: empty.get(key) for key in figures}
    assert judged["affect"]["valence_slope"] is judged["affect"]["arousal_slope"] is None


def test_scores_that_are_no_chances_only_give_an_order(
    labelled: EvaluationRequest, tmp_path: Path, suffix: str
) -> None:
    rows = list_pairs()
    document = judge(labelled, tmp_path / f"p{suffix}", rows)
    for block in ("correspondence", "mood"):
        assert [document[block][key] for key in ("accuracy", "ci95", "ece")] == [None] * 3
        assert document[block]["auc"] > 0.6 and document[block]["auc_ci95"] is not None
    assert document["mood"]["auc"] > 0.9 and document["mood"]["image_to_music"]["first"] > 0.7
    # Any increasing map has the same order; one into [0, 1] also gives chances.
    chances = [row | {"score": float(1 / (1 + np.exp(-row["score"])))} for row in rows]
    squashed = judge(labelled, tmp_path / f"p{suffix}", chances)
    assert squashed["retrieval"] == document["retrieval"]
    assert squashed["mood"]["auc"] == document["mood"]["auc"]
    assert 0 < squashed["mood"]["ece"] < 1 and 0 < squashed["correspondence"]["ece"] < 1
    assert squashed["mood"]["accuracy"] > 0.5


def test_correspondence_is_a_chance_of_its_own(
    labelled: EvaluationRequest, tmp_path: Path, suffix: str
) -> None:
    rows = list_pairs()
    for row in rows:
        image, music = (
            POLARITY[QUADRANTS[int(Path(row[kind]).stem.split()[-1]) % 4]] for kind in ("image", "music")
        )
        row["correspondence"] = 0.9 if image == music else 0.1
    document = judge(labelled, tmp_path / f"p{suffix}", rows)
    assert (document["correspondence"]["accuracy"], document["correspondence"]["auc"]) == (1.0, 1.0)
    assert document["correspondence"]["ece"] == pytest.approx(0.1)
    assert document["mood"]["ece"] is None


def test_paths_may_be_absolute_and_rows_in_any_order(labelled: EvaluationRequest, tmp_path: Path) -> None:
    rows = list_pairs()
    expected = judge(labelled, tmp_path / "p.csv", rows)
    (tmp_path / "link").symlink_to(tmp_path)
    for row in rows:
        row["image"] = str(tmp_path / row["image"])
        row["music"] = str(tmp_path / "songs" / ".." / row["music"])
    assert judge(labelled, tmp_path / "p.csv", rows[::-1]) == expected
    through_link = EvaluationRequest(tmp_path / "link" / "images.csv", labelled.music)
    for row in rows:
        row["image"] = row["image"].replace(str(tmp_path), str(tmp_path / "link"))
    assert judge(through_link, tmp_path / "p.csv", rows) == expected


def test_a_file_with_two_rows_needs_one_score(labelled: EvaluationRequest, tmp_path: Path) -> None:
    with labelled.images.open("a", encoding="utf-8") as file:
        file.write("photos/ü 0.jpg,held out,made,group 0,positive,Q1\n")
    document = judge(labelled, tmp_path / "p.csv", list_pairs())
    assert document["protocol"]["images"] == 9


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"score": "nan"}, "3: score 'nan' is not a finite number"),
        ({"score": "inf"}, "3: score 'inf' is not a finite number"),
        ({"score": "high"}, "3: score 'high' is not a finite number"),
        ({"score": ""}, "3: score '' is not a finite number"),
        ({"image": "photos/9.jpg"}, "3: image 'photos/9.jpg' is none of the 8 files of"),
        ({"music": "x.mp3"}, "3: music 'x.mp3' is none of the 4 files of"),
        ({"music": "../songs/0.mp3"}, "3: 'photos/ü 0.jpg' and '../songs/0.mp3' are a pair of"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(
    labelled: EvaluationRequest, tmp_path: Path, suffix: str, change: dict[str, str], words: str
) -> None:
    rows = [row | {"score": str(row["score"])} for row in list_pairs()]
    number = 1 if suffix == ".csv" else 2  # the header is the first line
    rows[number] |= change
    if change.get("music") == "../songs/0.mp3":
        rows[number]["image"] = "photos/ü 0.jpg"
    with pytest.raises(UsageError) as caught:
        judge(labelled, tmp_path / f"p{suffix}", rows)
    unit = "line" if suffix == ".csv" else "row"
    assert f"p{suffix}, {unit} {words}" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_pairs_are_counted(labelled: EvaluationRequest, tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UsageError, match=r"3 of 32 pairs are missing, the first of 'photos/ü 7\.jpg' and"):
        judge(labelled, tmp_path / f"p{suffix}", list_pairs()[:-3])


def test_wrong_files_are_refused_in_one_line(
    labelled: EvaluationRequest, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"p{suffix}"
    with pytest.raises(UsageError, match="no such file"):
        evaluate_predictions(labelled, path, "others")
    with pytest.raises(UsageError, match="no column 'score'; it has image, music"):
        judge(labelled, path, [{"image": "a", "music": "b"}])
    with pytest.raises(UsageError, match=r"correspondence '?1\.5'? is outside \[0, 1\]"):
        judge(labelled, path, [row | {"correspondence": 1.5} for row in list_pairs()])
    path.write_bytes(b"\xff\xfe\x00garbage")
    with pytest.raises(UsageError, match=f"not a {'UTF-8 CSV' if suffix == '.csv' else 'Parquet'} file"):
        evaluate_predictions(labelled, path, "others")


def test_a_short_line_is_refused(labelled: EvaluationRequest, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("image,music,score\n\nphotos/ü 0.jpg,../songs/0.mp3\n")
    with pytest.raises(UsageError, match=r"line 3: 2 cells, where the header has 3 columns"):
        evaluate_predictions(labelled, tmp_path / "p.csv", "others")


def test_the_command(labelled: EvaluationRequest, tmp_path: Path) -> None:
    path = write(tmp_path / "model x.csv", list_pairs())
    options = ("--images", labelled.images, "--music", labelled.music, "--predictions", path)
    document = attune_json("evaluate", *options)
    assert document["system"] == "model x" and document["mood"]["auc"] > 0.9
    assert attune_json("evaluate", *options, "--system", "X (2026)")["system"] == "X (2026)"
    table = attune("evaluate", *options)
    assert table.returncode == 0 and "accuracy –   AUC 0." in table.stdout
    wrong = attune("evaluate", *options, "--write-predictions", tmp_path / "q.csv")
    assert (wrong.returncode, wrong.stdout) == (2, "") and "need a network" in wrong.stderr


def test_a_run_on_the_test_split_is_logged(
    labelled: EvaluationRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from attune.cli import run

    checkout = tmp_path / "checkout"
    (checkout / "docs").mkdir(parents=True)
    (checkout / "pyproject.toml").touch()
    monkeypatch.setattr(evaluation_log, "LOG", checkout / "docs" / "test-log.csv")
    path = write(tmp_path / "p.csv", list_pairs())
    options = ["--images", str(labelled.images), "--music", str(labelled.music), "--predictions", str(path)]
    assert run(["evaluate", *options]) == 0
    assert not evaluation_log.LOG.exists()
    for manifest in (labelled.images, labelled.music):
        manifest.write_text(manifest.read_text().replace("held out", "test"))
    assert run(["evaluate", *options, "--split", "test", "--system", "X"]) == 0
    with evaluation_log.LOG.open() as stream:
        (row,) = csv.DictReader(stream)
    digest = evaluate_predictions(labelled, path, "X").scores.digest
    assert row["network"] == f"X {digest}"
    assert (row["accuracy"], row["ece"]) == ("", "") and float(row["mood_auc"]) > 0.9
