"""The commands `attune benchmark words-affect`, `words-meaning` and `words-search`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attune.core.common_options import CommandApp, JsonOption, NetworkOption, QuietOption, WorkersOption
from attune.training.commands import (
    FoldSeedOption,
    ImagesOption,
    MoodImageSetOption,
    MoodMusicSetOption,
    MusicOption,
    ResultCacheOption,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attune.benchmarks.words_meaning import ThingMeasurement
    from attune.embedding.media_files import Kind

app = CommandApp()

SentencesOption = Annotated[
    Path,
    typer.Option(
        "--sentences",
        metavar="CSV",
        help="Sentences with language, quadrant (Q1 to Q4) and negated (yes or no), such as "
        "tests/sentences/judged.csv.",
        show_default=False,
    ),
]


@app.command("words-affect")
def words_affect_command(
    sentences: SentencesOption,
    as_json: JsonOption = False,
) -> None:
    """Measure whether sentences get the right quadrant."""
    from rich.table import Table

    from attune.benchmarks.words_affect import measure_placement, placement_json, read_judged
    from attune.core.console import print_json, stdout_console

    figures = measure_placement(read_judged(sentences))
    if as_json:
        print_json(placement_json(figures))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("sentences")
    for name in ("n", "valence AUC", "arousal AUC", "quadrant", "silent"):
        table.add_column(name, justify="right")
    for one in figures:
        shares = (one.valence_auc, one.arousal_auc, one.quadrant_accuracy, one.silent)
        table.add_row(one.group, str(one.sentences), *(f"{share:.3f}" for share in shares))
    stdout_console().print(table)


@app.command("words-meaning")
def words_meaning_command(
    images: ImagesOption,
    music: Annotated[
        Path | None, typer.Option("--music", metavar="CSV", help="Labelled music; left out if not given.")
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="Search the split test in place of train and val.")
    ] = False,
    least: Annotated[
        int, typer.Option(metavar="N", min=1, help="Only things that at least N files show.")
    ] = 10,
    network: NetworkOption = None,
    cache: ResultCacheOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure how well words find things and genres."""
    from attune.benchmarks.words_meaning import (
        measure,
        measure_specificity,
        read_content_gallery,
        summarize,
    )
    from attune.core.console import print_json, show_progress
    from attune.core.paths import default_cache
    from attune.core.settings import load_settings
    from attune.embedding.network import DEFAULT_NETWORK, open_network
    from attune.training.manifest import TRAINING_SPLITS

    net = open_network(network or DEFAULT_NETWORK)
    splits = ("test",) if test else TRAINING_SPLITS
    folder, processes = cache or default_cache(), load_settings(workers=workers).workers
    sources: list[tuple[Kind, Path]] = [("image", images)]
    if music is not None:
        sources.append(("music", music))
    document: dict[str, Any] = {"network": net.name, "splits": list(splits)}
    tables = []
    for kind, source in sources:
        with show_progress(quiet=quiet) as progress:
            gallery = read_content_gallery(source, kind, splits, net, folder, processes, progress)
        measured = measure(gallery, net, least)
        specific = measure_specificity(net, kind)
        tables.append((kind, measured, specific))
        document[kind] = {
            "files": len(gallery.rows),
            "mean": summarize(measured) if measured else None,
            "specific": specific,
            "rows": [asdict(one) for one in measured],
        }
    if as_json:
        print_json(document)
    else:
        for table in tables:
            _print(*table)


@app.command("words-search")
def words_search_command(
    images: ImagesOption,
    music: MusicOption,
    sentences: SentencesOption,
    mood_image_set: MoodImageSetOption = None,
    mood_music_set: MoodMusicSetOption = None,
    fold_seed: FoldSeedOption = None,
    least: Annotated[
        int, typer.Option(metavar="N", min=1, help="Only things, and things in a mood, of at least N files.")
    ] = 3,
    cache: ResultCacheOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure how well sentences find files of their mood.

    Also compares weights of meaning.

    Out of fold, beside songs and pictures as queries; a thing is found as by `words-meaning`.
    """
    from attune.benchmarks.systems import choose_fold_seeds, choose_mood_sets, require_training_extra
    from attune.core.console import print_json, show_progress
    from attune.core.paths import default_cache
    from attune.core.settings import load_settings

    require_training_extra("torch")
    from attune.benchmarks.words_affect import read_judged
    from attune.benchmarks.words_search_report import measure, print_search

    judged, seeds = read_judged(sentences), choose_fold_seeds(fold_seed)
    mood = choose_mood_sets(mood_image_set, mood_music_set)
    folder, processes = cache or default_cache(), load_settings(workers=workers).workers
    with show_progress(quiet=quiet) as progress:
        document = measure(images, music, judged, mood, seeds, least, folder, processes, progress)
    if as_json:
        print_json(document)
    else:
        print_search(document)


def _print(kind: Kind, measured: Sequence[ThingMeasurement], specific: dict[str, float]) -> None:
    from rich.table import Table

    from attune.benchmarks.named_things import LANGUAGES
    from attune.benchmarks.words_meaning import summarize
    from attune.core.console import stdout_console

    console = stdout_console()
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(kind)
    columns = [f"{part} {language}" for part in ("word", "sentence") for language in LANGUAGES]
    for name in ("right", "chance", "affect", *columns):
        table.add_column(name, justify="right")
    for one in measured:
        cells = [one.chance, one.affect, *one.words, *(one.sentences or ())]
        table.add_row(one.thing, str(one.right), *(f"{cell:.2f}" for cell in cells))
    if measured:
        mean = summarize(measured)
        cells = [mean["chance"], mean["affect"]]
        for part in ("words", "sentences"):
            cells += [mean[part][language] for language in LANGUAGES] if part in mean else []
        table.add_row("mean", "", *(f"{cell:.3f}" for cell in cells), style="bold")
    console.print(table)
    shares = ", ".join(f"{share:.0%} of {name}" for name, share in specific.items())
    console.print(f"count as naming something: {shares}\n")
