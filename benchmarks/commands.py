"""The command group `benchmark` and its commands `systems` and `retrieval`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from attune.benchmarks.diversity_commands import app as diversity
from attune.benchmarks.journeys_commands import app as journeys
from attune.benchmarks.mood_commands import app as mood_limits
from attune.benchmarks.sample_commands import app as samples
from attune.benchmarks.serve_commands import app as serve
from attune.benchmarks.soak_commands import app as soak
from attune.benchmarks.speed_commands import app as speed
from attune.benchmarks.story_commands import app as story
from attune.benchmarks.words_commands import app as words
from attune.core.common_options import CommandApp, JsonOption, QuietOption, WorkersOption
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

    from attune.core.progress import Progress
    from attune.embedding.onnx_session import Device
    from attune.training.comparison import SetFilter

app = CommandApp(help="Measure Attune and compare it with other programs.", no_args_is_help=True)
app.add_typer(speed)
app.add_typer(story)
app.add_typer(soak)
app.add_typer(serve)
app.add_typer(diversity)
app.add_typer(mood_limits)
app.add_typer(samples)
app.add_typer(journeys)
app.add_typer(words)

_LEARNABLE = "train and val, out of fold"


@app.callback()
def _benchmark() -> None:
    pass


@app.command("systems")
def systems_command(
    images: ImagesOption,
    music: MusicOption,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for systems.json and systems.png.")
    ] = Path("benchmark-systems"),
    image_set: Annotated[
        list[str] | None,
        typer.Option("--image-set", metavar="SET", help="Data sets of the column `focus`; may be repeated."),
    ] = None,
    music_set: Annotated[
        list[str] | None,
        typer.Option("--music-set", metavar="SET", help="Data sets of the column `focus`; may be repeated."),
    ] = None,
    mood_image_set: MoodImageSetOption = None,
    mood_music_set: MoodMusicSetOption = None,
    test: Annotated[
        bool, typer.Option("--test", help="Evaluate on the split test too; each such run is logged.")
    ] = False,
    cache: ResultCacheOption = None,
    system: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Only this system; may be repeated; a wrong name lists them. Default: all."
        ),
    ] = None,
    fold_seed: FoldSeedOption = None,
    workers: WorkersOption = None,
    device: Annotated[
        Literal["cpu", "cuda"],
        typer.Option(help="Where the paper's networks are trained; features are computed on the CPU."),
    ] = "cpu",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare Attune with the paper's networks on the same rows.

    Figures are out of fold inside train and val, and on request on test.
    """
    from attune.benchmarks.system_tables import print_systems
    from attune.benchmarks.systems import choose_fold_seeds, choose_mood_sets, require_training_extra
    from attune.core.console import print_json, show_progress, stderr_console
    from attune.core.errors import escape_path
    from attune.core.paths import default_cache
    from attune.core.settings import load_settings
    from attune.training.metric_tables import print_log_notice

    focus = (tuple(image_set or ()), tuple(music_set or ()))
    require_training_extra("matplotlib", "torch")  # here, where nothing is lost yet
    with show_progress(quiet=quiet) as progress:
        document = _compare(
            images,
            music,
            focus,
            choose_mood_sets(mood_image_set, mood_music_set),
            names=system or (),
            seeds=choose_fold_seeds(fold_seed),
            cache=default_cache() if cache is None else cache,
            workers=load_settings(workers=workers).workers,
            device=device,
            progress=progress,
            test=test,
        )
    if test:
        print_log_notice()
    _write(document, output)
    if as_json:
        print_json(document)
    else:
        print_systems(document)
    if not quiet:
        stderr_console().print(
            f"Written: {escape_path(output / 'systems.json')}, {escape_path(output / 'systems.png')}"
        )


@app.command("retrieval")
def retrieval_command(
    images: ImagesOption,
    music: MusicOption,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only rows of this split; all if not given.")
    ] = None,
    system: Annotated[
        str, typer.Option(metavar="NAME|DIR", help="A shipped network by name, or a network's folder.")
    ] = "attune",
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure retrieval between labelled images and music.

    Reports precision, ranks and how many different files are found.
    """
    from attune.core.console import print_json, show_progress
    from attune.core.settings import load_settings
    from attune.embedding.network import open_network
    from attune.training.evaluate import EvaluationRequest, evaluate_network
    from attune.training.evaluation_log import log_test_run
    from attune.training.metric_tables import print_log_notice, print_retrieval, print_skipped

    network = open_network(system)
    with show_progress(quiet=quiet) as progress:
        evaluation = evaluate_network(
            EvaluationRequest(images, music, split),
            network,
            network.name,
            load_settings(workers=workers),
            progress,
        )
    if evaluation.saw_test:
        log_test_run(evaluation.report, network.id)
        print_log_notice()
    document = evaluation.report.to_json()
    if as_json:
        print_json({key: document[key] for key in ("system", "protocol", "retrieval")})
    else:
        print_retrieval(document["retrieval"])
    if not quiet:
        print_skipped(evaluation.skipped)


def _compare(
    images: Path,
    music: Path,
    focus: SetFilter,
    mood: SetFilter,
    *,
    names: Sequence[str],
    seeds: Sequence[int],
    cache: Path,
    workers: int,
    device: Device,
    progress: Progress,
    test: bool,
) -> dict[str, Any]:
    from attune.benchmarks.systems import (
        ACCURATE_NAME,
        ATTUNE_NAME,
        describe_protocol,
        evaluate_on_test,
        evaluate_out_of_fold,
        make_control_tables,
        make_lead_tables,
        make_table_rows,
        measure_mood_of_systems,
        place_on_device,
        probe_raw_inputs,
        read_comparison_data,
        select_mood_files,
    )
    from attune.benchmarks.worst_pairs import find_worst_pairs
    from attune.training.systems.registry import SYSTEMS, find_system

    chosen = place_on_device([find_system(name) for name in dict.fromkeys(names or SYSTEMS)], device)
    training_data = read_comparison_data(images, music, chosen, cache, workers, progress)
    system_results = evaluate_out_of_fold(training_data, chosen, seeds, cache, progress)
    judged = select_mood_files(training_data, mood)
    moods = measure_mood_of_systems(system_results, judged)
    by_name = {result.system: result for result in system_results}
    shown = by_name.get(ACCURATE_NAME) or by_name.get(ATTUNE_NAME) or system_results[-1]
    document = {
        "out_of_fold": {
            "protocol": describe_protocol(training_data, _LEARNABLE, focus, mood, judged)
            | {"fold_seeds": list(seeds)},
            "systems": make_table_rows(system_results, moods, training_data, focus),
            "controls": make_control_tables(moods),
            "mood_leads": make_lead_tables(moods),
        },
        "raw": probe_raw_inputs(training_data),
        "worst_pairs": [
            asdict(pair) for pair in find_worst_pairs(shown, training_data.images, training_data.music)
        ],
    }
    if test:
        test_data = read_comparison_data(images, music, chosen, cache, workers, progress, split="test")
        judged = select_mood_files(test_data, mood)
        test_results = evaluate_on_test(training_data, test_data, chosen, system_results, cache, progress)
        moods = measure_mood_of_systems(test_results, judged)
        document["test"] = {
            "protocol": describe_protocol(test_data, "test", focus, mood, judged),
            "systems": make_table_rows(test_results, moods, test_data, focus),
            "controls": make_control_tables(moods),
            "mood_leads": make_lead_tables(moods),
        }
    return document


def _write(document: dict[str, Any], folder: Path) -> None:
    from attune.benchmarks.system_plots import plot_systems

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "systems.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    plot_systems(document, folder / "systems.png")
