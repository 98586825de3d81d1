"""Map of a library as an image file, drawn by matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attune.core.atomic_files import atomic_write
from attune.core.errors import AttuneError, escape_path
from attune.retrieval.library_map import MapLayer
from attune.retrieval.mood_words import MOODS

_MAX_DOTS = 3000  # more pictures cannot be told apart as dots: their density is drawn instead
_MAX_LARGE_MARKERS = 300  # more songs get smaller markers, which overlap less
_IMAGE, _MUSIC = "#2a6f8f", "#d9660a"


def write_map_plot(path: Path, layers: list[MapLayer]) -> None:
    """Draw a library on the plane, each item at its place, in the format that the file's suffix names.

    Args:
        path: The image file: .png, .svg or .pdf.
        layers: The library's pictures and music, from `load_layers`.

    Raises:
        AttuneError: matplotlib is missing, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise AttuneError(
            'a map as a picture needs matplotlib: pip install "attune-affect[story]"'
        ) from error
    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.add_subplot()
    _draw(figure, axes, *layers)
    try:
        with atomic_write(path) as temporary:
            figure.savefig(temporary, dpi=150, format=path.suffix[1:].lower())
    except OSError as error:
        raise AttuneError(f"{escape_path(path)}: cannot be written ({error.strerror})") from error


def _draw(figure: Any, axes: Any, pictures: MapLayer, music: MapLayer) -> None:
    axes.axhline(0, color="#ccc", linewidth=1, zorder=0)
    axes.axvline(0, color="#ccc", linewidth=1, zorder=0)
    picture_label = f"{len(pictures.ids):,} pictures"
    if len(pictures.ids) > _MAX_DOTS:
        cells = axes.hexbin(
            *pictures.points.T, gridsize=60, extent=(-1, 1, -1, 1), bins="log", cmap="Blues", mincnt=1
        )
        figure.colorbar(cells, ax=axes, shrink=0.7, label=f"{picture_label}: number per cell")
    else:
        axes.scatter(*pictures.points.T, s=14, color=_IMAGE, alpha=0.6, linewidths=0, label=picture_label)
    songs = f"{len(music.ids):,} songs"
    size, alpha = (26, 0.8) if len(music.ids) <= _MAX_LARGE_MARKERS else (8, 0.5)
    axes.scatter(*music.points.T, s=size, marker="D", color=_MUSIC, alpha=alpha, linewidths=0, label=songs)
    for word, (valence, arousal) in MOODS.items():
        if word != "neutral":
            box = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 1.5}
            axes.text(valence, arousal, word, ha="center", va="center", fontsize=9, bbox=box)
    axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
    axes.set(xlabel="place in valence: unpleasant to pleasant", ylabel="place in arousal: quiet to lively")
    axes.legend(loc="upper left", frameon=True)
