"""Tests of films: length, orientation, colours, times of the cuts, and no half-written files."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from attune.core.errors import AttuneError
from attune.core.progress import SilentProgress
from attune.retrieval.story.canvas import compose
from attune.retrieval.story.film import FilmFormat, write_film
from attune.retrieval.story.film_plan import FilmPlan, Shot
from attune.tests.media_factory import damaged, song

SMALL = FilmFormat((192, 108), 25)
COLOURS = {"red": (200, 30, 40), "green": (30, 160, 60), "blue": (40, 60, 190), "grey": (128, 128, 128)}


@pytest.fixture
def tune(tmp_path: Path) -> Path:
    return song(tmp_path / "tune.flac", 1, seconds=4.03, rate=44_100, channels=2)


def write_plain(folder: Path, colour: str, size: tuple[int, int] = (320, 180)) -> Path:
    Image.new("RGB", size, COLOURS[colour]).save(folder / f"{colour}.png")
    return folder / f"{colour}.png"


def make_plan(tune: Path, pictures: list[Path], fade_s: float = 0.4, duration_s: float = 4.03) -> FilmPlan:
    times = np.linspace(0.0, duration_s, len(pictures) + 1).tolist()
    shots = [
        Shot(times[index], times[index + 1], str(path), fade_s=fade_s if index else 0.0)
        for index, path in enumerate(pictures)
    ]
    return FilmPlan(str(tune), "Tune", duration_s, 0.0, [], shots)


def read_middles(path: Path) -> NDArray[np.float64]:
    """Return the mean RGB colour of the centre of each frame, float64 (frames, 3)."""
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    return np.array([frame[44:64, 86:106].mean(axis=(0, 1)) for frame in frames])


def test_a_film_is_what_players_play(tmp_path: Path, tune: Path) -> None:
    path = tmp_path / "show.mp4"
    lost = write_film(
        make_plan(tune, [write_plain(tmp_path, "red"), write_plain(tmp_path, "blue")]),
        path,
        SMALL,
        SilentProgress(),
    )
    assert lost == []
    with av.open(str(path)) as film:
        video, sound = film.streams.video[0], film.streams.audio[0]
        assert (video.codec_context.name, sound.codec_context.name) == ("h264", "aac")
        assert (video.width, video.height, video.pix_fmt) == (192, 108, "yuv420p")
        assert (video.codec_context.color_range, video.codec_context.colorspace) == (1, 1)
        assert video.frames == round(4.03 * 25)
        for stream in (video, sound):
            assert float(stream.duration * stream.time_base) == pytest.approx(4.03, abs=1 / 25)
        samples = np.concatenate([frame.to_ndarray() for frame in film.decode(audio=0)], axis=1)
        assert np.abs(samples).max() > 0.1
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


def test_colours_and_the_moment_of_the_change(tmp_path: Path, tune: Path) -> None:
    pictures = [write_plain(tmp_path, name) for name in ("red", "green", "grey")]
    plan = make_plan(tune, pictures)
    write_film(plan, tmp_path / "show.mp4", SMALL, SilentProgress())
    seen = read_middles(tmp_path / "show.mp4")
    for shot, name in zip(plan.shots, ("red", "green", "grey"), strict=True):
        at = round((shot.start_s + shot.end_s) / 2 * 25)
        np.testing.assert_allclose(seen[at], COLOURS[name], atol=4)
    for before, after in zip(plan.shots[:-1], plan.shots[1:], strict=True):
        first, last = (
            seen[round((before.start_s + before.end_s) * 12.5)],
            seen[round((after.start_s + after.end_s) * 12.5)],
        )
        share = (seen - first) @ (last - first) / ((last - first) @ (last - first))
        window = np.arange(round((after.start_s - 0.5) * 25), round((after.start_s + 0.5) * 25))
        change_s = np.interp(0.5, share[window], window / 25)
        assert change_s == pytest.approx(after.start_s, abs=0.04)
        assert share[round((after.start_s - 0.3) * 25)] == pytest.approx(0.0, abs=0.05)
        assert share[round((after.start_s + 0.3) * 25)] == pytest.approx(1.0, abs=0.05)


def test_damaged_and_missing_pictures_leave_their_time_to_a_neighbour(tmp_path: Path, tune: Path) -> None:
    bad, cut, gone = tmp_path / "bad.jpg", tmp_path / "cut.jpg", tmp_path / "gone.jpg"
    damaged(bad, "noise")
    damaged(cut, "truncated")
    pictures = [bad, write_plain(tmp_path, "red"), cut, gone, write_plain(tmp_path, "blue")]
    lost = write_film(make_plan(tune, pictures), tmp_path / "show.mp4", SMALL, SilentProgress())
    assert [error.path for error in lost] == [bad, cut, gone]
    seen = read_middles(tmp_path / "show.mp4")
    np.testing.assert_allclose(seen[2], COLOURS["red"], atol=4)
    np.testing.assert_allclose(seen[70], COLOURS["red"], atol=4)
    np.testing.assert_allclose(seen[-3], COLOURS["blue"], atol=4)
    with pytest.raises(AttuneError, match="none of its pictures"):
        write_film(make_plan(tune, [bad, gone]), tmp_path / "no.mp4", SMALL, SilentProgress())
    assert not (tmp_path / "no.mp4").exists()


def test_an_interrupted_film_leaves_nothing(tmp_path: Path, tune: Path) -> None:
    class Interrupted(SilentProgress):
        def advance(self, steps: int = 1) -> None:
            raise KeyboardInterrupt

    picture = write_plain(tmp_path, "red")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(KeyboardInterrupt):
        write_film(make_plan(tune, [picture]), tmp_path / "show.mp4", SMALL, Interrupted())
    assert sorted(tmp_path.iterdir()) == before


def test_a_turned_photo_is_upright(tmp_path: Path) -> None:
    # EXIF orientation 6: the stored left side is the top of the photo.
    pixels = np.zeros((400, 600, 3), np.uint8)
    pixels[:, :300] = COLOURS["red"]
    pixels[:, 300:] = COLOURS["blue"]
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    luma, *chroma = compose(str(tmp_path / "turned.jpg"), (640, 360)).planes
    red_difference = np.asarray(chroma[1], np.float64)
    middle = red_difference.shape[1] // 2
    assert red_difference[40, middle] > 150
    assert red_difference[-40, middle] < 120
    assert luma.size == (716, 404)


@pytest.mark.parametrize("size", [(300, 900), (1600, 320), (60, 40)])
def test_what_has_another_shape_is_shown_whole(tmp_path: Path, size: tuple[int, int]) -> None:
    """The bright rim of the picture is visible in the frame, on a darker background."""
    pixels = np.full((size[1], size[0], 3), 90, np.uint8)
    rim = max(4, min(size) // 12)
    pixels[:rim] = pixels[-rim:] = 255
    pixels[:, :rim] = pixels[:, -rim:] = 255
    Image.fromarray(pixels).save(tmp_path / "shape.png")
    luma, _, _ = compose(str(tmp_path / "shape.png"), (640, 360)).frame(1.12, (640, 360))
    bright = np.asarray(luma) > 200
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    shape = (columns[-1] - columns[0]) / (rows[-1] - rows[0])
    assert shape == pytest.approx(size[0] / size[1], rel=0.06)
    assert np.asarray(luma)[2, 2] < 160


def test_a_crop_keeps_what_there_is_to_see(tmp_path: Path) -> None:
    pixels = np.full((900, 1200, 3), 200, np.uint8)
    pixels[30:130, 500:700] = np.random.default_rng(0).integers(0, 255, (100, 200, 3))
    Image.fromarray(pixels).save(tmp_path / "top.png")
    luma = np.asarray(compose(str(tmp_path / "top.png"), (640, 360)).planes[0], np.float64)
    assert luma[:60].std() > 20  # the patch at the top is not cropped
