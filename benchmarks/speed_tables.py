"""Text tables of the speed benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attune.core.console import stdout_console


def print_pipeline(document: dict[str, Any]) -> None:
    """Print the lower bound, the phases of a build and the library's size."""
    _print(
        "lower bound per file and core",
        ("decode ms", "network ms", "mean length s"),
        [
            (
                floor["kind"],
                f"{floor['decode_ms']:.2f}",
                f"{floor['network_ms']:.2f}",
                f"{floor['seconds']:.0f}" if floor["seconds"] else "",
            )
            for floor in document["floor"]
        ],
    )
    _print(
        f"{document['workers']} workers",
        ("files", "seconds", "files/s", "× real time", "share of floor", "peak PSS MB"),
        [
            (
                phase["name"],
                str(phase["files"]),
                f"{phase['seconds']:.1f}",
                f"{phase['files_per_s']:.1f}",
                "" if phase["real_time"] is None else f"{phase['real_time']:.0f}",
                "" if phase["share_of_floor"] is None else f"{phase['share_of_floor']:.0%}",
                f"{phase['peak_pss_mb']:.0f}",
            )
            for phase in document["phases"]
        ],
    )
    stdout_console().print(f"library on disk after the build: {document['library_bytes'] / 1e6:.1f} MB")


def print_peers(document: dict[str, Any]) -> None:
    """Print one row per alternative."""
    _print(
        f"{document['workers']} workers",
        ("kind", "files", "files/s", "Attune is faster by"),
        [
            (
                row["name"],
                row["kind"],
                str(row["files"]),
                f"{row['files_per_s']:.2f}",
                f"{row['times']:.1f} ×",
            )
            for row in document["rows"]
        ],
    )
    for name in document["not_installed"]:
        stdout_console().print(f"{name} is not installed")


def print_libraries(document: dict[str, Any]) -> None:
    """Print one row per kind of library and size."""
    filters = list(document["rows"][0]["queries"])
    _print(
        f"{document['queries']} queries; p50 and p95 in ms, recall@10",
        ("pictures", "rows s", "index s", "bytes each", "reader MB", "server MB", *filters),
        [
            (
                row["library"],
                str(row["pictures"]),
                "" if row["write_s"] is None else f"{row['write_s']:.0f}",
                f"{row['publish_s']:.1f}",
                f"{row['bytes'] / row['pictures']:.0f}",
                f"{row['reader_mb']:.0f}",
                "" if row["server_mb"] is None else f"{row['server_mb']:.0f}",
                *(
                    "{p50_ms:.1f}, {p95_ms:.1f}, {recall:.4f}".format(**row["queries"][name])
                    for name in filters
                ),
            )
            for row in document["rows"]
        ],
    )
    for size, counts in document["differing_exact_answers"].items():
        for name, differing in counts.items():
            stdout_console().print(
                f"{size} pictures, {name}: of {document['random_queries']} random queries, which both kinds "
                f"answer exactly, {differing} differ"
            )


def print_growth(document: dict[str, Any]) -> None:
    """Print the time to publish a library and then more pictures."""
    _print(
        "publishing",
        ("pictures", "seconds"),
        [(phase["what"], str(phase["pictures"]), f"{phase['seconds']:.1f}") for phase in document["phases"]],
    )


def print_search(document: dict[str, Any]) -> None:
    """Print one row per index and size."""
    _print(
        f"one thread; derived from {document['real_vectors']} real vectors",
        ("vectors", "setting", "p50 ms", "p95 ms", "queries/s", "recall@10", "build s", "bytes per vector"),
        [
            (
                row["index"],
                str(row["vectors"]),
                row["setting"],
                f"{row['p50_ms']:.2f}",
                f"{row['p95_ms']:.2f}",
                f"{row['per_s']:.0f}",
                f"{row['recall']:.3f}",
                f"{row['build_s']:.1f}",
                f"{row['bytes_a_vector']:.0f}",
            )
            for row in document["rows"]
        ],
    )
    for name in document["not_installed"]:
        stdout_console().print(f'{name} is not installed: pip install "attune-affect[bench]"')


def print_cold(document: dict[str, Any]) -> None:
    """Print the latency of whole commands and of queries in one process."""
    _print(
        f"whole command; {document['images']} images, {document['music']} pieces of music",
        ("median s", "min", "max", "runs", "goal"),
        [
            (
                timing["what"],
                f"{timing['median_s']:.2f}",
                f"{timing['min_s']:.2f}",
                f"{timing['max_s']:.2f}",
                str(timing["runs"]),
                f"{timing['goal_s']:.1f}",
            )
            for timing in document["shell"]
        ],
    )
    _print(
        "in one process",
        ("p50 ms", "p95 ms", "runs"),
        [
            (timing["what"], f"{timing['p50_ms']:.2f}", f"{timing['p95_ms']:.2f}", str(timing["runs"]))
            for timing in document["warm"]
        ],
    )


def print_encoders(document: dict[str, Any]) -> None:
    """Print size and speed of image encoders."""
    _print(
        "per picture, one thread",
        ("MB", "pixels", "features", "decode ms", "network ms"),
        [
            (
                encoder["name"],
                f"{encoder['megabytes']:.0f}",
                f"{encoder['side']}",
                f"{encoder['width']}",
                f"{encoder['decode_ms']:.1f}",
                f"{encoder['network_ms']:.1f}",
            )
            for encoder in document["encoders"]
        ],
    )
    towers = [(encoder["name"], encoder["text"]) for encoder in document["encoders"] if encoder["text"]]
    if towers:
        _print(
            "text tower, one thread",
            ("MB", "load ms", "sentence ms"),
            [
                (name, f"{text['megabytes']:.0f}", f"{text['load_ms']:.0f}", f"{text['sentence_ms']:.1f}")
                for name, text in towers
            ],
        )


def print_devices(document: dict[str, Any]) -> None:
    """Print the speed of each device and, without a GPU, the reason."""
    _print(
        f"{document['workers']} workers",
        ("images/s", "clips/s", "training s", "max difference"),
        [
            (
                device["device"],
                f"{device['images_per_s']:.1f}",
                f"{device['clips_per_s']:.1f}",
                "–" if device["train_s"] is None else f"{device['train_s']:.0f}",
                f"{device['apart']:.1e}",
            )
            for device in document["devices"]
        ],
    )
    if document["no_gpu"] is not None:
        stdout_console().print(f"No GPU: {document['no_gpu']}")


def print_serve(document: dict[str, Any]) -> None:
    """Print the latency of the server under load and the loading time of its page."""
    load, page = document["load"], document["page"]
    _print(
        f"{load['rate']:g} requests per second for {load['seconds']:g} s; {document['images']} images",
        ("requests", "failed", "p50 ms", "p95 ms", "p99 ms", "max ms", "RSS MB", "RSS drift"),
        [
            (
                "images of a song",
                str(load["asked"]),
                str(load["failed"]),
                *(f"{load[key]:.1f}" for key in ("p50_ms", "p95_ms", "p99_ms", "max_ms")),
                f"{load['rss_mb']:.0f}",
                f"{load['rss_drift']:+.1%}",
            )
        ],
    )
    if page is None:
        stdout_console().print("The page was not measured, since that needs Chromium and playwright.")
        return
    _print(
        "page in Chromium, 1440 × 900",
        (
            "first content ms",
            "first pictures ms",
            "scrolled pictures",
            "tasks > 50 ms",
            "longest ms",
            "bytes",
        ),
        [
            (
                "opened, a song's pictures, scrolled",
                f"{page['first_content_ms']:.0f}",
                f"{page['first_pictures_ms']:.0f}",
                str(page["pictures"]),
                str(page["long_tasks"]),
                f"{page['longest_task_ms']:.0f}",
                str(page["page_bytes"]),
            )
        ],
    )


def _print(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.table import Table

    table = Table(title, box=None, header_style="bold", pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    stdout_console().print(table)
    stdout_console().print()
