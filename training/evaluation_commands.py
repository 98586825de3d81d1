"""The command `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attune.core.common_options import CommandApp, DeviceOption, JsonOption, QuietOption, WorkersOption
from attune.core.errors import UsageError
from attune.training.commands import ImagesOption, MusicOption

if TYPE_CHECKING:
    from attune.embedding.network import Network
    from attune.training.evaluate import Evaluation, EvaluationRequest

app = CommandApp()


@app.command("evaluate")
def evaluate_command(
    images: ImagesOption,
    music: MusicOption,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only rows of this split; all if not given.")
    ] = None,
    image_set: Annotated[
        list[str] | None,
        typer.Option("--image-set", metavar="SET", help="Only rows of this data set; may be repeated."),
    ] = None,
    music_set: Annotated[
        list[str] | None,
        typer.Option("--music-set", metavar="SET", help="Only rows of this data set; may be repeated."),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="A shipped network by name (attune if not given), or a network's folder; with "
            "--predictions, the name in the report.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Judge the scores in this file, CSV or Parquet, and no network: docs/own-data.md.",
        ),
    ] = None,
    predictions_output: Annotated[
        Path | None,
        typer.Option(
            "--write-predictions", metavar="FILE", help="Also write the network's scores of all pairs."
        ),
    ] = None,
    store: Annotated[
        bool, typer.Option("--store", help="Store the report with the network; `status` shows it.")
    ] = False,
    workers: WorkersOption = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Evaluate a network, or predictions, on labelled media.

    Reports correspondence, retrieval, coverage and hubs, valence and arousal; docs/model-card.md defines
    the figures.
    """
    from attune.core.console import print_json, stderr_console
    from attune.core.table_files import require_table_file
    from attune.embedding.network import DEFAULT_NETWORK, open_network
    from attune.training.evaluate import EvaluationRequest, evaluate_predictions
    from attune.training.manifest import TRAINING_SPLITS
    from attune.training.metric_tables import print_report, print_skipped

    if store and (split != "test" or image_set or music_set):
        raise UsageError("--store keeps a report of the whole test split: give --split test and no set")
    if predictions is not None and (store or predictions_output is not None):
        raise UsageError("--predictions judges a file: --store and --write-predictions need a network")
    if predictions_output is not None:
        require_table_file("--write-predictions", predictions_output)
    request = EvaluationRequest(images, music, split, tuple(image_set or []), tuple(music_set or []))
    if predictions is not None:
        evaluation = evaluate_predictions(request, predictions, system or predictions.stem)
        _log_test_run(evaluation, f"{evaluation.report.system} {evaluation.scores.digest}")
    else:
        network = open_network(system or DEFAULT_NETWORK)
        evaluation = _evaluate_network(request, network, workers, device, quiet=quiet)
        _log_test_run(evaluation, network.id)
        _keep_results(evaluation, network if store else None, predictions_output)
    document = evaluation.report.to_json()
    if as_json:
        print_json(document)
    else:
        print_report(document)
    if not quiet:
        if split in TRAINING_SPLITS:
            stderr_console().print(
                f"Networks learn from the split {split}: figures on rows that were learnt say little."
            )
        print_skipped(evaluation.skipped)


def _evaluate_network(
    request: EvaluationRequest,
    network: Network,
    workers: int | None,
    device: Literal["auto", "cpu", "cuda"] | None,
    *,
    quiet: bool,
) -> Evaluation:
    from attune.core.console import show_progress
    from attune.core.settings import load_settings
    from attune.embedding.device import resolve_device
    from attune.training.evaluate import evaluate_network
    from attune.training.metric_tables import print_device

    settings, device_reason = resolve_device(load_settings(workers=workers, device=device), device)
    with show_progress(quiet=quiet) as progress:
        evaluation = evaluate_network(request, network, network.name, settings, progress)
    if device_reason is not None and not quiet:
        print_device(settings.device, device_reason)
    return evaluation


def _log_test_run(evaluation: Evaluation, system: str) -> None:
    """Log a run that saw the test split; `system` tells its network or its scores from others."""
    from attune.training.evaluation_log import log_test_run
    from attune.training.metric_tables import print_log_notice

    if evaluation.saw_test:
        log_test_run(evaluation.report, system)
        print_log_notice()


def _keep_results(evaluation: Evaluation, network: Network | None, predictions: Path | None) -> None:
    """Store a report with its network, and write the scores of all pairs, where that is wanted."""
    from attune.training.predictions import write_predictions

    document = evaluation.report.to_json()
    if network is not None and document["correspondence"]["ci95"] is not None:
        network.store_figures(document)
    if predictions is not None:
        write_predictions(predictions, evaluation.images, evaluation.music, evaluation.scores)
