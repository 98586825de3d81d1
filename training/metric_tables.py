"""Text tables of figures, and notices, for the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attune.core.console import stderr_console, stdout_console
from attune.core.errors import MediaError
from attune.training.evaluation_log import keeps_log
from attune.training.metrics import QUADRANTS

_WAYS = ("music_to_image", "image_to_music")
_SPREAD = ("coverage@10", "chance_coverage@10", "hub_lift@10")


def print_report(document: dict[str, Any]) -> None:
    """Print an evaluation's JSON document as tables; figures that are not defined are dashes."""
    console = stdout_console()
    protocol, pairs = document["protocol"], document["correspondence"]
    console.print(
        f"{document['system']} on {protocol['images']} images ({', '.join(protocol['image_sets'])}) and "
        f"{protocol['music']} songs ({', '.join(protocol['music_sets'])}), "
        f"split {protocol['split'] or 'all'}",
    )
    console.print(f"correspondence  {_format_pair_figures(pairs)}")
    print_retrieval(document["retrieval"])
    _print_mood(document["mood"])
    console.print(f"{'affect':<15} {_format_figures(document['affect'])}")
    for side in ("image", "music"):
        _print_side(side, document[side])


def _print_mood(mood: dict[str, Any]) -> None:
    console = stdout_console()
    console.print(f"mood            {_format_pair_figures(mood)}")
    _print_directions("mood", ("lift", "first", "ndcg@10", "p@10", "chance_p", *_SPREAD), mood)
    for way in _WAYS:
        firsts = mood[way]["first_by_quadrant"]
        parts = zip(QUADRANTS, firsts, strict=True)
        console.print(
            f"{_name_way(way)}: first answer in the query's quadrant   "
            + "   ".join(f"{quadrant} {_format_figure(share)}" for quadrant, share in parts)
        )
    _print_square("pairs called alike", mood["confusion"], "image", "music")


def _print_side(side: str, figures: dict[str, Any]) -> None:
    """Print the figures of one modality: the network's own polarity, then what a probe reads."""
    console = stdout_console()
    own = {name: figures[name] for name in ("accuracy", "balanced_accuracy", "majority")}
    affect = {name: value for name, value in figures.items() if name not in (*own, "confusion", "probe")}
    console.print(f"{side:<15} network's own polarity: {_format_figures(own)}")
    console.print(f"{'':<15} linear probe of polarity, refitted: {_format_figures(figures['probe'])}")
    console.print(f"{'':<15} {_format_figures(affect)}")
    if figures["confusion"] is not None:
        _print_square(f"{side} polarity", figures["confusion"], "true", "predicted")


def print_retrieval(ways: dict[str, Any]) -> None:
    """Print the figures of retrieval by polarity and of distinctness in both directions."""
    columns = ("p@1", "p@5", "p@10", "chance_p", "mrr", "ndcg@10", *_SPREAD)
    _print_directions("retrieval", columns, ways)


def _print_directions(title: str, columns: Sequence[str], ways: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in (title, *columns):
        table.add_column(name, justify="left" if name == title else "right", no_wrap=True)
    for way in _WAYS:
        table.add_row(_name_way(way), *(_format_figure(ways[way][column]) for column in columns))
    stdout_console().print(table)


def _print_square(title: str, square: dict[str, dict[str, Any]], rows: str, columns: str) -> None:
    """Print a square table by name, saying what its rows and its columns are."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(f"{title}: {rows} by {columns}", no_wrap=True)
    for name in square:
        table.add_column(name, justify="right", no_wrap=True)
    for name, cells in square.items():
        table.add_row(name, *(_format_figure(value) for value in cells.values()))
    stdout_console().print(table)


def print_out_of_fold(config: dict[str, Any]) -> None:
    """Print the out-of-fold figures of a network."""
    console = stdout_console()
    console.print(f"{config['name']}: out-of-fold figures, mean ± spread over fold seeds", style="bold")
    figures = config.get("out_of_fold", {})
    for name, value in figures.items():
        if not name.endswith(" spread"):
            console.print(
                f"{name:<34}{_format_figure(value)} ± {_format_figure(figures.get(f'{name} spread'))}"
            )


def print_device(device: str, reason: str) -> None:
    """Print on stderr which device the backbones ran on."""
    stderr_console().print(f"Backbones ran on {device}: {reason}")


def print_no_text_tower(reason: str) -> None:
    """Print on stderr why a network cannot tell what pictures show.

    Args:
        reason: A clause about the model of its encoder.
    """
    stderr_console().print(
        f"With this network, words find pictures by mood, not by what they show: {reason}", markup=False
    )


def print_log_notice() -> None:
    """Print on stderr that a run on the test split was not logged, if no log is kept."""
    if not keeps_log():
        stderr_console().print(
            "This run on the test split was not logged: only a checkout of Attune keeps docs/test-log.csv."
        )


def print_skipped(skipped: list[MediaError]) -> None:
    """List on stderr the labelled files that could not be read, each with its reason."""
    if not skipped:
        return
    console = stderr_console()
    console.print(f"{len(skipped)} files were left out:")
    for error in skipped:
        console.print(f"  {error}")


def _name_way(way: str) -> str:
    return way.replace("_to_", " → ")


def _format_pair_figures(figures: dict[str, Any]) -> str:
    """Return accuracy, AUC and calibration error of pairs, with the intervals that there are."""
    accuracy, auc = (
        f"{_format_figure(figures[name])}{_format_interval(figures[interval])}"
        for name, interval in (("accuracy", "ci95"), ("auc", "auc_ci95"))
    )
    return f"accuracy {accuracy}   AUC {auc}   ECE {_format_figure(figures['ece'])}"


def _format_interval(ends: list[float] | None) -> str:
    return " (95 % {:.3f}–{:.3f})".format(*ends) if ends else ""


def _format_figures(figures: dict[str, Any]) -> str:
    return "   ".join(f"{name} {_format_figure(value)}" for name, value in figures.items())


def _format_figure(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
