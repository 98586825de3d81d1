"""Figures as tables for people."""

from __future__ import annotations

from typing import Any

from attune.core.errors import MediaError
from attune.core.terminal import err, out


def print_report(document: dict[str, Any]) -> None:
    """Print an evaluation's JSON document as tables; what has no labels is a dash."""
    console = out()
    protocol, pairs = document["protocol"], document["correspondence"]
    console.print(
        f"{document['system']} on {protocol['images']} images ({', '.join(protocol['image_sets'])}) and "
        f"{protocol['music']} songs ({', '.join(protocol['music_sets'])}), "
        f"split {protocol['split'] or 'all'}",
    )
    interval = " (95 % {:.3f}–{:.3f})".format(*pairs["ci95"]) if pairs["ci95"] else ""
    console.print(
        f"correspondence  accuracy {_figure(pairs['accuracy'])}{interval}   "
        f"AUC {_figure(pairs['auc'])}   ECE {_figure(pairs['ece'])}"
    )
    print_retrieval(document["retrieval"])
    for section in ("affect", "image", "music"):
        line = "   ".join(f"{name} {_figure(value)}" for name, value in document[section].items())
        console.print(f"{section:<15} {line}")


def print_retrieval(ways: dict[str, Any]) -> None:
    """Print how well either modality is found by the other, and how distinct answers are."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    columns = ["p@1", "p@5", "p@10", "chance_p", "mrr", "ndcg@10"]
    columns += ["coverage@10", "chance_coverage@10", "hub_lift@10"]
    for name in ("retrieval", *columns):
        table.add_column(name, justify="left" if name == "retrieval" else "right", no_wrap=True)
    for way, figures in ways.items():
        table.add_row(way.replace("_to_", " → "), *(_figure(figures[column]) for column in columns))
    out().print(table)


def print_out_of_fold(card: dict[str, Any]) -> None:
    """Print what a network's cross-validation said."""
    console = out()
    console.print(f"{card['name']}: out-of-fold figures, mean ± spread over fold seeds", style="bold")
    figures = card.get("out_of_fold", {})
    for name, value in figures.items():
        if not name.endswith(" spread"):
            console.print(f"{name:<34}{_figure(value)} ± {_figure(figures.get(f'{name} spread'))}")


def print_device(device: str, why: str) -> None:
    """Say on stderr where backbones ran."""
    err().print(f"Backbones ran on {device}: {why}", soft_wrap=True)


def print_left_out(skipped: list[MediaError]) -> None:
    """Name on stderr the labelled files that could not be read, each with its reason."""
    if not skipped:
        return
    console = err()
    console.print(f"{len(skipped)} files were left out:")
    for error in skipped:
        console.print(f"  {error}")


def _figure(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
