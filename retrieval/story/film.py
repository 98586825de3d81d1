"""Rendering of a film plan as H.264 and AAC in MP4, which browsers and phones play.

pictures → canvases (one ahead, in a thread) → frames: zoom, cross-fade → x264 (threads of its own) ┐
song → 48 kHz stereo → AAC ──────────────────────────────────────────────────────────────────────── MP4
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from attune.core.atomic_files import atomic_write
from attune.core.errors import AttuneError, MediaError, escape_path
from attune.core.progress import Progress
from attune.retrieval.story.canvas import ZOOM, Canvas, compose
from attune.retrieval.story.film_plan import FilmPlan, Shot
from attune.retrieval.story.song_audio import encode_aac

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import OutputContainer

    from attune.retrieval.story.canvas import Planes

SIZES: Final = {"720p": (1280, 720), "1080p": (1920, 1080)}
_QUALITY: Final = "20"
_ZOOM_SPEED: Final = 0.015  # change of the zoom factor per second, at an arousal of 0
_AROUSAL_GAIN: Final = 1.5  # the zoom speed is multiplied by 2 ** (1.5 * arousal)
_AUDIO_LEAD_S: Final = 1.0  # the sound is written this far ahead of the pictures
_BT709: Final = 1
_LIMITED: Final = 1


@dataclass(frozen=True, slots=True)
class FilmFormat:
    """Width and height of a film in pixels, and its frames per second."""

    size: tuple[int, int] = SIZES["720p"]
    fps: int = 25


@dataclass(frozen=True, slots=True)
class _ComposedShot:
    """A shot with its picture on a canvas; `zoom_in` tells the direction of the zoom."""

    shot: Shot
    canvas: Canvas
    zoom_in: bool

    def render_at(self, time_s: float, size: tuple[int, int]) -> Planes:
        """Return the planes of the frame at a time of the film, in seconds."""
        shot = self.shot
        length = shot.end_s - shot.start_s
        # The shot is visible from half a cross-fade before its start to half of the next one after its end.
        seen_s = length + shot.fade_s / 2 + length / 4
        amount = min(ZOOM - 1.0, _ZOOM_SPEED * 2.0 ** (_AROUSAL_GAIN * shot.arousal) * seen_s)
        part = min(max((time_s - shot.start_s + shot.fade_s / 2) / seen_s, 0.0), 1.0)
        return self.canvas.frame(1.0 + amount * (part if self.zoom_in else 1.0 - part), size)


def write_film(plan: FilmPlan, path: Path, film_format: FilmFormat, progress: Progress) -> list[MediaError]:
    """Render a film plan.

    Args:
        plan: The plan.
        path: The MP4 file; it appears under this name only when it is complete.
        film_format: Size and frame rate.
        progress: Receives the progress after each second of film.

    Returns:
        Errors of the pictures that cannot be used; the previous (or next) picture is shown in their place.

    Raises:
        MediaError: The song cannot be decoded.
        AttuneError: No picture can be used.
        OSError: The file cannot be written.
    """
    import av

    lost: list[MediaError] = []
    frames = round(plan.duration_s * film_format.fps)
    with atomic_write(path) as temporary:
        progress.start("Film, frames", frames)
        try:
            with av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"}) as output:
                _mux(
                    output,
                    plan,
                    film_format,
                    _iter_composed_shots(plan.shots, film_format.size, lost.append),
                    progress,
                )
        finally:
            progress.finish()
    return lost


def _mux(
    output: OutputContainer,
    plan: FilmPlan,
    film_format: FilmFormat,
    shots: Iterator[_ComposedShot],
    progress: Progress,
) -> None:
    video = _add_video_stream(output, film_format)
    if plan.title:
        output.metadata["title"] = plan.title
    packets = encode_aac(plan.song, output, plan.duration_s)
    encoded_s = 0.0
    for number, planes in enumerate(_render_frames(shots, plan.duration_s, film_format)):
        while (
            encoded_s < number / film_format.fps + _AUDIO_LEAD_S
            and (audio := next(packets, None)) is not None
        ):
            encoded_s, audio_packets = audio
            output.mux(audio_packets)
        output.mux(video.encode(_make_video_frame(planes, number)))
        if number % film_format.fps == film_format.fps - 1:
            progress.advance(film_format.fps)
    for _, audio_packets in packets:
        output.mux(audio_packets)
    output.mux(video.encode(None))


def _add_video_stream(output: OutputContainer, film_format: FilmFormat) -> Any:
    video: Any = output.add_stream(
        "libx264", rate=film_format.fps, options={"preset": "veryfast", "crf": _QUALITY, "profile": "high"}
    )
    video.width, video.height = film_format.size
    video.pix_fmt = "yuv420p"
    context = video.codec_context
    context.gop_size = 2 * film_format.fps  # to seek, a player decodes at most two seconds of film
    context.color_range, context.colorspace = _LIMITED, _BT709
    context.color_primaries, context.color_trc = _BT709, _BT709
    return video


def _render_frames(
    shots: Iterator[_ComposedShot], duration_s: float, film_format: FilmFormat
) -> Iterator[Planes]:
    """Yield the planes of every frame of the film."""
    from PIL import Image

    current, following = next(shots), next(shots, None)
    for number in range(round(duration_s * film_format.fps)):
        time_s = number / film_format.fps
        while following is not None and time_s >= following.shot.start_s + following.shot.fade_s / 2:
            current, following = following, next(shots, None)
        frame = current.render_at(time_s, film_format.size)
        if following is not None and time_s > following.shot.start_s - following.shot.fade_s / 2:
            part = (time_s - following.shot.start_s) / following.shot.fade_s + 0.5
            mix = part * part * (3 - 2 * part)
            incoming = following.render_at(time_s, film_format.size)
            first, second, third = (Image.blend(a, b, mix) for a, b in zip(frame, incoming, strict=True))
            frame = first, second, third
        yield frame


def _make_video_frame(planes: Planes, number: int) -> VideoFrame:
    import av

    width, height = planes[0].size
    flat = np.concatenate([np.asarray(plane).reshape(-1) for plane in planes])
    frame = av.VideoFrame.from_ndarray(flat.reshape(height * 3 // 2, width), format="yuv420p")
    frame.pts = number
    frame.color_range, frame.colorspace = _LIMITED, _BT709
    return frame


def _iter_composed_shots(
    shots: list[Shot], size: tuple[int, int], report_failure: Callable[[MediaError], None]
) -> Iterator[_ComposedShot]:
    """Yield the composed shots in order; a picture that cannot be used leaves its time to its neighbour."""
    pending: _ComposedShot | None = None
    start_s = 0.0
    for number, (shot, canvas) in enumerate(_compose_ahead(shots, size)):
        if isinstance(canvas, MediaError):
            report_failure(canvas)
            if pending is not None:
                pending = replace(pending, shot=replace(pending.shot, end_s=shot.end_s))
                start_s = shot.end_s
            continue
        if pending is not None:
            yield pending
        pending = _ComposedShot(replace(shot, start_s=start_s), canvas, zoom_in=number % 2 == 0)
        start_s = shot.end_s
    if pending is None:
        raise AttuneError(f"no film: none of its pictures can be used, {escape_path(shots[0].picture)} first")
    yield pending


def _compose_ahead(
    shots: Iterable[Shot], size: tuple[int, int]
) -> Iterator[tuple[Shot, Canvas | MediaError]]:
    """Yield each shot with its canvas or its error, while a thread composes the next picture."""

    def attempt(shot: Shot) -> tuple[Shot, Canvas | MediaError]:
        try:
            return shot, compose(shot.picture, size)
        except MediaError as error:
            return shot, error

    with ThreadPoolExecutor(1) as thread:
        pending = None
        for shot in shots:
            ready, pending = pending, thread.submit(attempt, shot)
            if ready is not None:
                yield ready.result()
        if pending is not None:
            yield pending.result()
