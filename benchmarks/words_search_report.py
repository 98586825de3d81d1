"""Report on sentences as queries: retrieval by mood, and the weight of meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, get_args

from attune.benchmarks.system_tables import Column, print_rows
from attune.benchmarks.systems import read_comparison_data, select_mood_files
from attune.benchmarks.words_affect import JudgedSentence
from attune.benchmarks.words_gallery import read_words_gallery
from attune.benchmarks.words_meaning import CONTENT_SETS
from attune.benchmarks.words_search import measure_search
from attune.benchmarks.words_weights import measure_rules
from attune.core.progress import Progress
from attune.embedding.media_files import Kind
from attune.embedding.network import DEFAULT_NETWORK, open_network
from attune.training.all_pairs import gather_embeddings
from attune.training.comparison import SetFilter
from attune.training.cross_validation import cross_validate
from attune.training.report_values import replace_nan
from attune.training.systems.registry import find_embedding_system

_KINDS: Final[dict[Kind, str]] = {"image": "pictures", "music": "songs"}


def measure(
    images: Path,
    music: Path,
    sentences: Sequence[JudgedSentence],
    mood: SetFilter,
    seeds: Sequence[int],
    least: int,
    cache: Path,
    workers: int,
    progress: Progress,
) -> dict[str, Any]:
    """Measure sentences as queries, by the places that the system `attune` predicts out of fold.

    Args:
        images: Manifest of pictures.
        music: Manifest of music.
        sentences: Sentences about moods.
        mood: Data sets that mood is judged on.
        seeds: Fold seeds.
        least: Things, and things in a mood, that fewer files show are left out.
        cache: Folder that keeps features and results.
        workers: Number of worker processes.
        progress: Receives the number of files and of folds.

    Returns:
        A JSON document: `fold_seeds`, `search` as `measure_search` gives it, and for each kind the figures of
        each rule, `rules`.
    """
    network, system = open_network(DEFAULT_NETWORK), find_embedding_system("attune")
    labelled = read_comparison_data(images, music, [system], cache, workers, progress)
    by_seed = cross_validate(system, labelled.images, labelled.music, seeds, cache, progress)
    document: dict[str, Any] = {
        "system": system.name,
        "fold_seeds": list(seeds),
        "sentences": len(sentences),
        "search": measure_search(by_seed, select_mood_files(labelled, mood), sentences),
        "rules": {},
    }
    sides = [gather_embeddings(results) for results in by_seed]
    rows = labelled.images.rows, labelled.music.rows
    for number, kind in enumerate(get_args(Kind)):
        said = [side[number] for side in sides]
        gallery, judged = (
            read_words_gallery(rows[number], sets, said, network, kind, cache, workers, progress)
            for sets in (CONTENT_SETS[kind], mood[number])
        )
        rules = measure_rules(gallery, judged, sentences, network, least)
        document["rules"][kind] = {"files": len(gallery.rows), "judged": len(judged.rows)} | {
            "rows": [asdict(one) for one in rules]
        }
    return dict(replace_nan(document))


def print_search(document: dict[str, Any]) -> None:
    """Print the document as four tables."""
    for kind, name in _KINDS.items():
        rows = [
            {"system": f"{row['by']} ({row['language']})"} | row
            for row in document["search"]
            if row["gallery"] == kind
        ]
        print_rows(f"{name} by", rows, _SEARCH)
    for kind, name in _KINDS.items():
        rows = [{"system": row["rule"]} | row for row in document["rules"][kind]["rows"]]
        print_rows(f"{name}, weight of meaning", rows, _RULES)


def _figure(name: str, digits: int = 3) -> Callable[[dict[str, Any]], str]:
    def cell(row: dict[str, Any]) -> str:
        return "–" if row.get(name) is None else f"{row[name]:.{digits}f}"

    return cell


def _ndcg(row: dict[str, Any]) -> str:
    if row.get("ndcg@10_ci95") is None:
        return _figure("ndcg@10")(row)
    low, high = row["ndcg@10_ci95"]
    return f"{row['ndcg@10']:.3f} ({low:.3f}–{high:.3f})"


_SEARCH: Final[list[Column]] = [
    ("n", lambda row: f"{row['queries']}"),
    ("AUC", _figure("auc")),
    ("lift", _figure("lift", 2)),
    ("first", _figure("first")),
    ("nDCG@10 (95 %)", _ndcg),
    ("coverage", _figure("coverage@10", 2)),
    ("hub lift", _figure("hub_lift@10", 1)),
]
_RULES: Final[list[Column]] = [
    ("words", _figure("words")),
    ("sentences", _figure("sentences")),
    ("felt: thing", _figure("felt_thing")),
    ("mood", _figure("felt_mood")),
    ("both", _figure("felt_both")),
    ("moods: lift", _figure("mood_lift", 2)),
    ("nDCG@10", _figure("mood_ndcg")),
]
