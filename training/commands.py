"""The command `train`, and options that commands on labelled files share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attune.core.common_options import CommandApp, DeviceOption, QuietOption, WorkersOption

if TYPE_CHECKING:
    from attune.embedding.backbones import Backbone
    from attune.embedding.media_files import Kind

app = CommandApp()

_SOURCE = "a manifest, or a data set's folder (docs/own-data.md)."

ImagesOption = Annotated[
    Path,
    typer.Option("--images", metavar="CSV|DIR", help=f"Labelled images: {_SOURCE}", show_default=False),
]
MusicOption = Annotated[
    Path, typer.Option("--music", metavar="CSV|DIR", help=f"Labelled music: {_SOURCE}", show_default=False)
]
MoodImageSetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--mood-image-set", metavar="SET", help="Data sets that mood is judged on; oasis if not given."
    ),
]
MoodMusicSetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--mood-music-set",
        metavar="SET",
        help="Data sets that mood is judged on; 4q_taffc and musemo if not given.",
    ),
]
FoldSeedOption = Annotated[
    list[int] | None,
    typer.Option(
        "--fold-seed",
        metavar="N",
        min=0,
        help="Seed of the folds of the cross-validation; may be repeated. Default: 0, 1 and 2.",
    ),
]

ResultCacheOption = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", help="Folder that keeps features and results between runs."),
]
EmbeddingSystemOption = Annotated[
    str, typer.Option("--system", metavar="NAME", help="A system that can embed; a wrong name lists them.")
]


@app.command("train")
def train_command(
    images: ImagesOption,
    music: MusicOption,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the new network.")
    ],
    system: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The method: attune, accurate (slower, slightly more accurate encoders) or another that can "
            "embed; a wrong name lists them.",
        ),
    ] = "attune",
    image_backbone: Annotated[
        str | None,
        typer.Option(
            metavar="ENCODER",
            help="Another image encoder: open_clip:MODEL/TAG or open_clip:MODEL,CHECKPOINT "
            "(docs/encoders.md).",
        ),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder that keeps features between runs.")
    ] = None,
    workers: WorkersOption = None,
    device: DeviceOption = None,
    quiet: QuietOption = False,
) -> None:
    """Train a network on labelled images and music.

    Rows of the splits train and val are used, never those of test.
    """
    import tempfile

    from attune.core.console import show_progress, stdout_console
    from attune.core.errors import AttuneError, escape_path
    from attune.core.paths import default_cache
    from attune.core.settings import load_settings
    from attune.embedding.device import resolve_device
    from attune.training.metric_tables import print_device, print_out_of_fold, print_skipped

    try:
        from attune.training.systems.registry import find_embedding_system
        from attune.training.train import train
    except ModuleNotFoundError as error:
        raise AttuneError(f'training needs {error.name}: pip install "attune-affect[train]"') from error

    find_embedding_system(system)  # before an encoder is exported
    folder = default_cache() if cache is None else cache
    settings, device_reason = resolve_device(load_settings(workers=workers, device=device), device)
    with tempfile.TemporaryDirectory(prefix="attune-encoder-") as staging_dir:
        backbones = {} if image_backbone is None else _export(image_backbone, Path(staging_dir), quiet)
        with show_progress(quiet=quiet) as progress:
            skipped = train(
                images,
                music,
                output,
                system=system,
                cache=folder,
                workers=settings.workers,
                progress=progress,
                backbones=backbones,
                device="cuda" if settings.device == "cuda" else "cpu",
            )
    if not quiet:
        if device_reason is not None:
            print_device(settings.device, device_reason)
        print_out_of_fold(json.loads((output / "network.json").read_text()))
        print_skipped(skipped)
        stdout_console().print(f"Use it: attune build-index --network {escape_path(output)}")


def _export(image_backbone: str, folder: Path, quiet: bool) -> dict[Kind, Backbone]:
    """Return the backbone that is exported from an encoder of open_clip; say if it has no text tower."""
    from attune.training.encoders.open_clip import export_encoder
    from attune.training.metric_tables import print_no_text_tower

    encoder = export_encoder(image_backbone, folder)
    if encoder.text_problem is not None and not quiet:
        print_no_text_tower(encoder.text_problem)
    return {"image": encoder.backbone}
