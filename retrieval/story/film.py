"""A plan becomes a film: H.264 and AAC in MP4, as browsers and phones play it.

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

from attune.core.artefacts import written_aside
from attune.core.errors import AttuneError, MediaError, printable
from attune.core.progress import Progress
from attune.retrieval.story.canvas import ZOOM, Canvas, compose
from attune.retrieval.story.plan import Plan, Shot
from attune.retrieval.story.sound import aac_packets

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import OutputContainer

    from attune.retrieval.story.canvas import Planes

SIZES: Final = {"720p": (1280, 720), "1080p": (1920, 1080)}
_QUALITY: Final = "20"
_SPEED: Final = 0.015  # zoom a second in a neutral moment
_LIVELY: Final = 1.5
_AHEAD_S: Final = 1.0  # sound runs so far ahead of the pictures in the file
_BT709: Final = 1
_LIMITED: Final = 1


@dataclass(frozen=True, slots=True)
class Look:
    """How a film is made: width and height in pixels, and frames a second."""

    size: tuple[int, int] = SIZES["720p"]
    fps: int = 25


@dataclass(frozen=True, slots=True)
class _Scene:
    """A shot whose picture is there."""

    shot: Shot
    canvas: Canvas
    inward: bool

    def at(self, time_s: float, size: tuple[int, int]) -> Planes:
        """Return what it shows at a time of the film."""
        shot = self.shot
        length = shot.end_s - shot.start_s
        # It is seen from half a cross-fade before its start to half of the next one after its end.
        seen_s = length + shot.fade_s / 2 + length / 4
        amount = min(ZOOM - 1.0, _SPEED * 2.0 ** (_LIVELY * shot.arousal) * seen_s)
        part = min(max((time_s - shot.start_s + shot.fade_s / 2) / seen_s, 0.0), 1.0)
        return self.canvas.frame(1.0 + amount * (part if self.inward else 1.0 - part), size)


def write_film(plan: Plan, path: Path, look: Look, progress: Progress) -> list[MediaError]:
    """Render a plan.

    Args:
        plan: What is seen when.
        path: The MP4 file; it gets its name only when it is whole.
        look: Size and frame rate.
        progress: Told of each second of film.

    Returns:
        The pictures that could not be used; the one before (or after) stays in their place.

    Raises:
        MediaError: The song cannot be decoded.
        AttuneError: None of the pictures can be used.
        OSError: The file cannot be written.
    """
    import av

    lost: list[MediaError] = []
    frames = round(plan.duration_s * look.fps)
    with written_aside(path) as aside:
        progress.start("Film, frames", frames)
        try:
            with av.open(str(aside), "w", format="mp4", options={"movflags": "+faststart"}) as output:
                _mux(output, plan, look, _scenes(plan.shots, look.size, lost.append), progress)
        finally:
            progress.finish()
    return lost


def _mux(
    output: OutputContainer, plan: Plan, look: Look, scenes: Iterator[_Scene], progress: Progress
) -> None:
    video = _video_stream(output, look)
    if plan.title:
        output.metadata["title"] = plan.title
    packets = aac_packets(plan.song, output, plan.duration_s)
    heard_s = 0.0
    for number, planes in enumerate(_frames(scenes, plan.duration_s, look)):
        while heard_s < number / look.fps + _AHEAD_S and (heard := next(packets, None)) is not None:
            heard_s, some = heard
            output.mux(some)
        output.mux(video.encode(_video_frame(planes, number)))
        if number % look.fps == look.fps - 1:
            progress.advance(look.fps)
    for _, some in packets:
        output.mux(some)
    output.mux(video.encode(None))


def _video_stream(output: OutputContainer, look: Look) -> Any:
    video: Any = output.add_stream(
        "libx264", rate=look.fps, options={"preset": "veryfast", "crf": _QUALITY, "profile": "high"}
    )
    video.width, video.height = look.size
    video.pix_fmt = "yuv420p"
    context = video.codec_context
    context.gop_size = 2 * look.fps  # a player that seeks waits for two seconds of pictures at most
    context.color_range, context.colorspace = _LIMITED, _BT709
    context.color_primaries, context.color_trc = _BT709, _BT709
    return video


def _frames(scenes: Iterator[_Scene], duration_s: float, look: Look) -> Iterator[Planes]:
    """Yield the planes of every frame of the film."""
    from PIL import Image

    current, following = next(scenes), next(scenes, None)
    for number in range(round(duration_s * look.fps)):
        time_s = number / look.fps
        while following is not None and time_s >= following.shot.start_s + following.shot.fade_s / 2:
            current, following = following, next(scenes, None)
        shown = current.at(time_s, look.size)
        if following is not None and time_s > following.shot.start_s - following.shot.fade_s / 2:
            part = (time_s - following.shot.start_s) / following.shot.fade_s + 0.5
            mix = part * part * (3 - 2 * part)
            coming = following.at(time_s, look.size)
            first, second, third = (Image.blend(a, b, mix) for a, b in zip(shown, coming, strict=True))
            shown = first, second, third
        yield shown


def _video_frame(planes: Planes, number: int) -> VideoFrame:
    import av

    width, height = planes[0].size
    flat = np.concatenate([np.asarray(plane).reshape(-1) for plane in planes])
    frame = av.VideoFrame.from_ndarray(flat.reshape(height * 3 // 2, width), format="yuv420p")
    frame.pts = number
    frame.color_range, frame.colorspace = _LIMITED, _BT709
    return frame


def _scenes(shots: list[Shot], size: tuple[int, int], tell: Callable[[MediaError], None]) -> Iterator[_Scene]:
    """Yield the scenes in order; the time of a picture that cannot be used goes to its neighbour."""
    held: _Scene | None = None
    start_s = 0.0
    for number, (shot, canvas) in enumerate(_composed(shots, size)):
        if isinstance(canvas, MediaError):
            tell(canvas)
            if held is not None:
                held = replace(held, shot=replace(held.shot, end_s=shot.end_s))
                start_s = shot.end_s
            continue
        if held is not None:
            yield held
        held = _Scene(replace(shot, start_s=start_s), canvas, inward=number % 2 == 0)
        start_s = shot.end_s
    if held is None:
        raise AttuneError(f"no film: none of its pictures can be used, {printable(shots[0].picture)} first")
    yield held


def _composed(shots: Iterable[Shot], size: tuple[int, int]) -> Iterator[tuple[Shot, Canvas | MediaError]]:
    """Compose one picture after the other, one ahead of who takes them."""

    def attempt(shot: Shot) -> tuple[Shot, Canvas | MediaError]:
        try:
            return shot, compose(shot.picture, size)
        except MediaError as error:
            return shot, error

    with ThreadPoolExecutor(1) as thread:
        coming = None
        for shot in shots:
            ready, coming = coming, thread.submit(attempt, shot)
            if ready is not None:
                yield ready.result()
        if coming is not None:
            yield coming.result()
