"""`attune benchmark systems` with the three systems that are trained quickly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from attune import cli
from attune.tests.benchmarks.labelled_manifests import write_manifests
from attune.training import evaluation_log
from attune.training.systems import registry
from attune.training.systems.attune.system import Attune
from attune.training.systems.chance import Chance
from attune.training.systems.posterior_product import PosteriorProduct

pytestmark = pytest.mark.torch


@pytest.fixture
def manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options with two manifests and folders; three systems are compared."""
    few = {"chance": Chance(), "posterior-product": PosteriorProduct(), "attune": Attune()}
    monkeypatch.setattr(registry, "SYSTEMS", few)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(evaluation_log, "LOG", tmp_path / "docs" / "test-log.csv")
    return [*write_manifests(tmp_path, monkeypatch), "--output", str(tmp_path / "out")]


def _rows(section: dict[str, Any]) -> dict[str, Any]:
    return {row["system"]: row for row in section["systems"]}


def test_the_comparison_tells_who_is_ahead_and_writes_what_it_tells(
    manifests: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    focus = ["--image-set", "set0", "--music-set", "set1"]
    mood_sets = ["--mood-image-set", "set0", "--mood-music-set", "set1"]
    assert cli.run(["benchmark", "systems", *manifests, *focus, *mood_sets, "--test", "--json", "-q"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((tmp_path / "out" / "systems.json").read_text())
    for name, images in (("out_of_fold", 120), ("test", 30)):
        section = document[name]
        assert section["protocol"]["images"] == images
        rows = _rows(section)
        assert list(rows) == ["Chance", "Polarity, Σ p·p", "Attune"]
        assert abs(rows["Chance"]["accuracy"]["value"] - 0.5) < 0.1
        assert rows["Attune"]["accuracy"]["value"] > 0.75
        assert rows["Chance"]["behind"]["value"] > 0.2
        assert rows["Chance"]["behind"]["p"] < 0.05
        assert "behind" not in rows["Attune"]
        assert rows["Chance"]["focus"]["value"] != rows["Chance"]["accuracy"]["value"]
        assert section["protocol"]["mood"] == {"image_sets": ["set0"], "music_sets": ["set1"]} | {
            "images": images // 2,
            "music": images // 2,
        }
    mood = {name: row["mood"] for name, row in _rows(document["out_of_fold"]).items()}
    assert mood["Attune"]["auc"] > 0.6
    assert mood["Attune"]["auc"] == pytest.approx(mood["Attune"]["auc_within_folds"], abs=0.15)
    assert 0 < mood["Attune"]["music_to_image"]["coverage@10"] <= 1
    # What scores pairs only cannot score a pair whose sides are held out in different folds.
    assert mood["Chance"]["auc"] is mood["Chance"]["music_to_image"] is None
    assert mood["Chance"]["auc_within_folds"] is not None
    assert set(document["out_of_fold"]["controls"]) == {"Attune"}
    assert document["out_of_fold"]["protocol"]["fold_seeds"] == [0, 1, 2]
    (leads,) = document["out_of_fold"]["mood_leads"].values()
    by_name = {lead["ahead_of"]: lead for lead in leads if lead["coverage_target"] is None}
    plain = [row for row in document["out_of_fold"]["controls"]["Attune"] if row["coverage_target"] is None]
    names = {row["control"] for row in plain} - {"the network"}
    assert set(by_name) == names | {"Polarity, Σ p·p"}
    for control in plain:
        if control["control"] in names:
            lead = by_name[control["control"]]["auc"]
            assert lead["value"] == pytest.approx(mood["Attune"]["auc"] - control["auc"])
            assert lead["low"] <= lead["value"] <= lead["high"]
    (leads,) = document["test"]["mood_leads"].values()
    assert {lead["auc"]["value"] for lead in leads} == {None}  # too few rated pictures to have places
    assert document["raw"]["image features"]["accuracy"] > 0.6
    worst = document["worst_pairs"]
    assert len(worst) == 10
    for pair in worst:
        assert pair["corresponds"] == (pair["image_polarity"] == pair["music_polarity"])
    denied = [pair["probability"] for pair in worst if pair["corresponds"]]
    asserted = [pair["probability"] for pair in worst if not pair["corresponds"]]
    assert denied == sorted(denied)
    assert asserted == sorted(asserted, reverse=True)
    assert len({pair["image"] for pair in worst if pair["corresponds"]}) == 5
    with Image.open(tmp_path / "out" / "systems.png") as drawn:
        assert drawn.size[0] > 1000
    log = (tmp_path / "docs" / "test-log.csv").read_text().splitlines()
    assert len(log) == 4
    assert log[3].split(",")[2].startswith("Attune ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_torch_does_not_find_is_one_line(
    manifests: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["benchmark", "systems", *manifests, "-q", "--device", "cuda"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("attune: --device cuda: torch finds no GPU; ")
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "cache").exists()


def test_without_being_asked_nobody_looks_at_the_test_split(
    manifests: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["benchmark", "systems", *manifests, "-q"]) == 0
    output = capsys.readouterr().out
    words = ("correspondence", "music to image", "image to music", "Attune", "hub lift")
    moods = ("AUC within folds", "mood, image to music", "oasis", "4q_taffc, musemo", "mood, Attune ahead of")
    for word in (*words, *moods):
        assert word in output
    assert max(map(len, output.splitlines())) <= 120
    assert "test" not in json.loads((tmp_path / "out" / "systems.json").read_text())
    assert not (tmp_path / "docs" / "test-log.csv").exists()


def test_the_seeds_of_the_folds_can_be_chosen(
    manifests: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def compare(*seeds: str) -> dict[str, Any]:
        chosen = [part for seed in seeds for part in ("--fold-seed", seed)]
        options = [*manifests, "--system", "posterior-product", *chosen, "-q", "--json"]
        assert cli.run(["benchmark", "systems", *options]) == 0
        document: dict[str, Any] = json.loads(capsys.readouterr().out)["out_of_fold"]
        return document

    fifth, both = compare("5"), compare("5", "0", "5")
    assert fifth["protocol"]["fold_seeds"] == [5]
    assert both["protocol"]["fold_seeds"] == [5, 0]
    assert fifth["systems"][0]["accuracy"]["value"] != both["systems"][0]["accuracy"]["value"]
    stored = {file.name for file in (tmp_path / "cache" / "systems").rglob("*.npz")}
    assert stored == {f"{seed}-{fold}.npz" for seed in (0, 5) for fold in range(5)}
    assert cli.run(["benchmark", "systems", *manifests, "--fold-seed", "-1"]) == 2


def test_the_worst_pairs_are_those_of_attune_wherever_it_is_in_the_table(
    manifests: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for systems in (registry.SYSTEMS, dict(reversed(registry.SYSTEMS.items()))):
        monkeypatch.setattr(registry, "SYSTEMS", systems)
        assert cli.run(["benchmark", "systems", *manifests, "-q", "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["worst_pairs"])
    assert found[0] == found[1]


def test_a_missing_manifest_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = str(tmp_path / "gone.csv")
    assert cli.run(["benchmark", "systems", "--images", gone, "--music", gone]) == 2
    assert "no such manifest" in capsys.readouterr().err
