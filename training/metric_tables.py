"""Text tables of figures, and notices, for the command line."""

from __future__ import annotations

from typing import Any

from attune.core.console import stderr_console, stdout_console
from attune.core.errors import MediaError
from attune.training.evaluation_log import keeps_log


def print_report(document: dict[str, Any]) -> None:
    """Print an evaluation's JSON document as tables; figures that are not defined are dashes."""
    console = stdout_console()
    protocol, pairs = document["protocol"], document["correspondence"]
    console.print(
        f"{document['system']} on {protocol['images']} images ({', '.join(protocol['image_sets'])}) and "
        f"{protocol['music']} songs ({', '.join(protocol['music_sets'])}), "
        f"split {protocol['split'] or 'all'}",
    )
    interval = " (95 % {:.3f}–{:.3f})".format(*pairs["ci95"]) if pairs["ci95"] else ""
    console.print(
        f"correspondence  accuracy {_format_figure(pairs['accuracy'])}{interval}   "
        f"AUC {_format_figure(pairs['auc'])}   ECE {_format_figure(pairs['ece'])}"
    )
    print_retrieval(document["retrieval"])
    for section in ("affect", "image", "music"):
        line = "   ".join(f"{name} {_format_figure(value)}" for name, value in document[section].items())
        console.print(f"{section:<15} {line}")


def print_retrieval(ways: dict[str, Any]) -> None:
    """Print the figures of retrieval and distinctness in both directions."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    columns = ["p@1", "p@5", "p@10", "chance_p", "mrr", "ndcg@10"]
    columns += ["coverage@10", "chance_coverage@10", "hub_lift@10"]
    for name in ("retrieval", *columns):
        table.add_column(name, justify="left" if name == "retrieval" else "right", no_wrap=True)
    for way, figures in ways.items():
        table.add_row(way.replace("_to_", " → "), *(_format_figure(figures[column]) for column in columns))
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


def _format_figure(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
