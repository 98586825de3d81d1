"""`attune benchmark search` and `cold` on a library of real files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from attune import cli
from attune.benchmarks import vector_search
from attune.benchmarks.vector_search import grow_vectors


def _unit(count: int, width: int = 128) -> np.ndarray:
    found = np.zeros((count, 128), np.float32)
    found[:, :width] = np.random.default_rng(0).normal(size=(count, width))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_more_vectors_are_like_the_known_ones() -> None:
    known = _unit(300, width=6)
    more = grow_vectors(known, 2000)
    assert more.shape == (2000, 128)
    np.testing.assert_allclose(np.linalg.norm(more, axis=1), 1.0, atol=1e-5)
    assert not more[:, 6:].any()
    distances = np.sqrt(2 - 2 * (more @ known.T).max(axis=1).clip(max=1.0))
    inner = known @ known.T
    np.fill_diagonal(inner, -1.0)
    nearest = np.median(np.sqrt(2 - 2 * inner.max(axis=1)))
    assert 0.3 * nearest < np.median(distances) < 1.2 * nearest
    np.testing.assert_array_equal(grow_vectors(known, 200), known[:200])


def test_exact_indexes_have_full_recall_and_peers_are_beside_them(
    built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vector_search, "_MIN_VECTORS", 2)
    command = ["benchmark", "search", "--library", str(built), "--size", "2000", "-q"]
    assert cli.run([*command, "--json"]) == 0
    rows = {row["index"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert {"Attune, exact", "FAISS flat", "usearch HNSW"} <= set(rows)
    assert rows["Attune, exact"]["recall"] == rows["FAISS flat"]["recall"] == 1.0
    assert all(row["vectors"] == 2000 and row["p95_ms"] >= row["p50_ms"] > 0 for row in rows.values())
    assert cli.run(command) == 0
    assert "recall@10" in capsys.readouterr().out


def test_a_library_that_is_too_small_is_said(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["benchmark", "search", "--library", str(built), "--size", "2000", "-q"]) == 2
    assert "fewer than" in capsys.readouterr().err


@pytest.mark.slow
def test_questions_are_timed(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["benchmark", "cold", "--library", str(built), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["what"] for one in document["shell"]][1:3] == [
        "find-images, song in the library",
        "find-music, photo in the library",
    ]
    assert all(one["max_s"] >= one["median_s"] >= one["min_s"] > 0 for one in document["shell"])
    assert all(one["p95_ms"] >= one["p50_ms"] > 0 for one in document["warm"])
