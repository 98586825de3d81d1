"""The commands `attune benchmark limits` and `moments`."""

from __future__ import annotations

from typing import Annotated

import typer

from attune.core.common_options import CommandApp, JsonOption, QuietOption, WorkersOption
from attune.training.commands import (
    EmbeddingSystemOption,
    FoldSeedOption,
    ImagesOption,
    MoodImageSetOption,
    MoodMusicSetOption,
    MusicOption,
    ResultCacheOption,
)

app = CommandApp()


@app.command("limits")
def limits_command(
    images: ImagesOption,
    music: MusicOption,
    mood_image_set: MoodImageSetOption = None,
    mood_music_set: MoodMusicSetOption = None,
    system: EmbeddingSystemOption = "attune",
    fold_seed: FoldSeedOption = None,
    raters: Annotated[
        int, typer.Option(metavar="N", min=2, help="People who rated each picture, for the noise of ratings.")
    ] = 55,
    cache: ResultCacheOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure what limits the order by mood.

    Out of fold: by data set, by mood quadrant, with the mood of one side known, and by the noise of the
    raters.
    """
    from attune.benchmarks.systems import choose_fold_seeds, choose_mood_sets, require_training_extra
    from attune.core.console import print_json, show_progress
    from attune.core.paths import default_cache
    from attune.core.settings import load_settings

    require_training_extra("torch")
    from attune.benchmarks.limits import measure, print_limits
    from attune.benchmarks.systems import read_comparison_data
    from attune.training.cross_validation import cross_validate
    from attune.training.systems.registry import find_embedding_system

    chosen, seeds = find_embedding_system(system), choose_fold_seeds(fold_seed)
    mood = choose_mood_sets(mood_image_set, mood_music_set)
    folder, processes = cache or default_cache(), load_settings(workers=workers).workers
    with show_progress(quiet=quiet) as progress:
        labelled = read_comparison_data(images, music, [chosen], folder, processes, progress)
        by_seed = cross_validate(chosen, labelled.images, labelled.music, seeds, folder, progress)
        document = {"system": chosen.name, "fold_seeds": list(seeds)}
        document |= measure(labelled, by_seed, mood, raters)
    if as_json:
        print_json(document)
    else:
        print_limits(document)


@app.command("moments")
def moments_command(
    images: ImagesOption,
    music: MusicOption,
    mood_image_set: MoodImageSetOption = None,
    mood_music_set: MoodMusicSetOption = None,
    system: EmbeddingSystemOption = "attune",
    fold_seed: FoldSeedOption = None,
    cache: ResultCacheOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure what is lost in nine seconds of a song.

    Out of fold: the order by mood by one random moment of each song beside that by whole songs. Training is
    not kept between runs.
    """
    from attune.benchmarks.systems import choose_fold_seeds, choose_mood_sets, require_training_extra
    from attune.core.console import print_json, show_progress
    from attune.core.paths import default_cache
    from attune.core.settings import load_settings

    require_training_extra("torch")
    from attune.benchmarks.moments import measure, print_moments
    from attune.benchmarks.systems import read_comparison_data
    from attune.training.systems.registry import find_embedding_system

    chosen, seeds = find_embedding_system(system), choose_fold_seeds(fold_seed)
    mood = choose_mood_sets(mood_image_set, mood_music_set)
    folder, processes = cache or default_cache(), load_settings(workers=workers).workers
    with show_progress(quiet=quiet) as progress:
        labelled = read_comparison_data(images, music, [chosen], folder, processes, progress)
        document = measure(labelled, chosen, mood, seeds, folder, processes, progress)
    if as_json:
        print_json(document)
    else:
        print_moments(document)
