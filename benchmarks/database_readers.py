"""Many readers of a library while a build adds pictures to it: latency, errors, and the generations they see.

Questions are asked at fixed times whether the earlier ones are answered or not, and latency counts from when
a question should have been asked, so that a stalled server cannot hide its delay (coordinated omission). Each
reader opens the newest generation again after a few questions, as commands do. The readers and the build
share the cores of this machine.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from attune.core.errors import AttuneError
from attune.core.library_address import LibraryAddress
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding.decode_pool import FeatureExtractor
from attune.embedding.network import EMBEDDING_DIM
from attune.indexer.build import BuildRequest, build, open_network_of
from attune.indexer.library import LibraryReader, read_published_generation
from attune.indexer.library_settings import LibrarySettings, change_settings
from attune.indexer.records import Selection

_RESULTS: Final = 20
_REOPEN_AFTER: Final = (1, 6)  # questions: at least so many, and fewer than
_OPEN_S: Final = 120.0
_MESSAGES: Final = 20  # of each kind, in the report


@dataclass(frozen=True, slots=True)
class ReadersReport:
    """Result of asking a library while a build writes it.

    Attributes:
        readers: Number of readers that were open at a time.
        questions_per_s: Questions per second, of all readers together.
        seconds: Length of the test.
        asked: Number of questions.
        failed: Number of questions without an answer.
        p50_ms: Median latency, from the time at which a question should have been asked.
        p95_ms: 95th percentile of the latency.
        p99_ms: 99th percentile of the latency.
        max_ms: Largest latency.
        opened: How often a reader opened the newest generation.
        published: Number of generations that were published meanwhile.
        seen: The generations from which questions were answered.
        errors: The errors, one line each, at most 20.
        mixed: Answers that were not of the reader's own generation, one line each, at most 20.
    """

    readers: int
    questions_per_s: float
    seconds: float
    asked: int
    failed: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    opened: int
    published: int
    seen: list[int]
    errors: list[str]
    mixed: list[str]


@dataclass(frozen=True, slots=True)
class _Task:
    """What one process of readers does.

    Attributes:
        library: Where the library is.
        readers: Numbers of its readers, of all processes.
        all_readers: Number of readers of all processes.
        questions_per_s: Questions per second of all readers.
        seconds: How long they ask.
        added: Folder of the pictures that the build adds.
        before: Number of pictures in the library without them.
    """

    library: LibraryAddress
    readers: Sequence[int]
    all_readers: int
    questions_per_s: float
    seconds: float
    added: str
    before: int


@dataclass(slots=True)
class _Outcome:
    """What readers found; the latencies are in milliseconds."""

    latencies_ms: list[float] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    opened: int = 0
    errors: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)

    def add(self, other: _Outcome) -> None:
        """Add what others found."""
        self.latencies_ms += other.latencies_ms
        self.seen |= other.seen
        self.opened += other.opened
        self.errors += other.errors
        self.mixed += other.mixed


def measure(
    library: LibraryAddress,
    readers: int,
    questions_per_s: float,
    seconds: float,
    *,
    generations: int = 5,
    pictures: int = 20,
    processes: int = 4,
    reader: FeatureExtractor | None = None,
) -> dict[str, Any]:
    """Ask a library while builds add small pictures of a temporary folder, which is forgotten in the end.

    Args:
        library: Where the library is; something must be published in it.
        readers: Number of readers; each has a connection of its own.
        questions_per_s: Questions per second, evenly spread, of all readers together.
        seconds: Length of the test.
        generations: Number of builds, evenly spread over that time.
        pictures: Number of pictures that each build adds.
        processes: Number of processes among which the readers are divided.
        reader: Function that reads the pictures; None: that of every build.

    Returns:
        The JSON document: the fields of `ReadersReport`.

    Raises:
        LibraryError: The library cannot be read or written.
        AttuneError: Nothing is published in it, or the readers did not open it.
    """
    published = read_published_generation(library)
    if published is None:
        raise AttuneError(f"{library}: nothing is published in it yet")
    with TemporaryDirectory(prefix="attune-added-") as folder:
        tasks = [
            _Task(
                library,
                range(first, readers, processes),
                readers,
                questions_per_s,
                seconds,
                folder,
                published.images,
            )
            for first in range(min(processes, readers))
        ]
        try:
            found = _run(
                tasks, lambda: _publish(library, Path(folder), generations, pictures, seconds, reader)
            )
        finally:
            _forget(library, folder)
    outcome, builds = found
    return asdict(_summarize(tasks[0], outcome, builds))


def _run(tasks: Sequence[_Task], write: Callable[[], int]) -> tuple[_Outcome, int]:
    """Run the processes of the readers, and the builds as soon as all readers are open."""
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    barrier = context.Barrier(len(tasks) + 1)
    running = [context.Process(target=_read, args=(task, barrier, results)) for task in tasks]
    for process in running:
        process.start()
    try:
        try:
            barrier.wait(_OPEN_S)
        except threading.BrokenBarrierError as error:
            raise AttuneError(f"the readers did not open the library within {_OPEN_S:g} s") from error
        builds = write()
        outcome = _Outcome()
        for task in tasks:
            try:
                outcome.add(results.get(timeout=task.seconds + _OPEN_S))
            except queue.Empty:
                raise AttuneError("a process of readers ended without a result") from None
    finally:
        for process in running:
            process.join(1.0)
            process.kill()
    return outcome, builds


def _publish(
    library: LibraryAddress,
    folder: Path,
    generations: int,
    pictures: int,
    seconds: float,
    reader: FeatureExtractor | None,
) -> int:
    """Build again and again; return the number of generations that were published."""
    network = open_network_of(read_published_generation(library))
    began = time.monotonic()
    seen = set()
    for number in range(generations):
        time.sleep(max(0.0, began + seconds * (number + 0.5) / generations - time.monotonic()))
        _write_pictures(folder, number, pictures)
        request = BuildRequest(library, (str(folder),))
        report = build(request, network, Settings(workers=1), SilentProgress(), reader)
        seen.add(report.generation)
    return len(seen)


def _write_pictures(folder: Path, number: int, count: int) -> None:
    from PIL import Image

    random = np.random.default_rng(number)
    for place in range(count):
        pixels = random.integers(0, 256, (32, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}-{place}.png")


def _forget(library: LibraryAddress, folder: str) -> None:
    """Let the library be as it was before, in a further generation."""

    def without(known: LibrarySettings) -> LibrarySettings:
        return replace(known, roots=[root for root in known.roots if root.path != folder])

    change_settings(library, without, open_network_of, Settings(workers=1), SilentProgress())


def _read(task: _Task, barrier: Any, results: Any) -> None:
    """Open the readers of a process, wait for the others, ask, and report."""
    outcomes = [_Outcome() for _ in task.readers]
    opened = threading.Barrier(len(task.readers) + 1)
    began: list[float] = []
    threads = [
        threading.Thread(target=_ask_until_end, args=(task, number, opened, began, outcome), daemon=True)
        for number, outcome in zip(task.readers, outcomes, strict=True)
    ]
    for thread in threads:
        thread.start()
    opened.wait()
    barrier.wait()
    began.append(time.monotonic())
    opened.wait()
    whole = _Outcome()
    for thread, outcome in zip(threads, outcomes, strict=True):
        thread.join()
        whole.add(outcome)
    results.put(whole)


def _ask_until_end(
    task: _Task, number: int, barrier: threading.Barrier, began: list[float], outcome: _Outcome
) -> None:
    """Ask the questions of one reader: those whose number, divided by that of readers, leaves its own."""
    random = np.random.default_rng(number)
    reader = _open(task, outcome)
    barrier.wait()
    barrier.wait()
    left = int(random.integers(*_REOPEN_AFTER))
    for question in range(number, round(task.seconds * task.questions_per_s), task.all_readers):
        due = began[0] + question / task.questions_per_s
        time.sleep(max(0.0, due - time.monotonic()))
        if left == 0:
            if reader is not None:
                reader.close()
            reader = _open(task, outcome)
            left = int(random.integers(*_REOPEN_AFTER))
        left -= 1
        try:
            if reader is None:
                raise AttuneError("the library could not be opened")
            _ask(reader, random)
            outcome.latencies_ms.append(1000.0 * (time.monotonic() - due))
            outcome.mixed += _check_generation(task, reader)
            outcome.seen.add(reader.generation.id)
        except AttuneError as error:
            outcome.errors.append(str(error))
    if reader is not None:
        reader.close()


def _open(task: _Task, outcome: _Outcome) -> LibraryReader | None:
    outcome.opened += 1
    try:
        return LibraryReader(task.library)
    except AttuneError as error:
        outcome.errors.append(str(error))
        return None


def _ask(reader: LibraryReader, random: np.random.Generator) -> None:
    query = random.normal(size=EMBEDDING_DIM).astype(np.float32)
    ids, _ = reader.nearest("image", query / np.linalg.norm(query), _RESULTS)
    found = reader.items(ids.tolist())
    if len(found) != min(_RESULTS, reader.generation.images):
        raise AttuneError(f"{len(found)} results for a question that has more")


def _check_generation(task: _Task, reader: LibraryReader) -> list[str]:
    """Return what is wrong if the reader sees more or fewer of the added pictures than its generation has."""
    count = len(reader.ids("image", Selection(below=(task.added,))))
    expected = reader.generation.images - task.before
    if count == expected:
        return []
    return [f"generation {reader.generation.id}: {count} added pictures, not {expected}"]


def _summarize(task: _Task, outcome: _Outcome, builds: int) -> ReadersReport:
    latencies = outcome.latencies_ms or [float("nan")]
    p50, p95, p99 = np.percentile(latencies, [50, 95, 99])
    asked = round(task.seconds * task.questions_per_s)
    return ReadersReport(
        readers=task.all_readers,
        questions_per_s=task.questions_per_s,
        seconds=task.seconds,
        asked=asked,
        failed=asked - len(outcome.latencies_ms),
        p50_ms=float(p50),
        p95_ms=float(p95),
        p99_ms=float(p99),
        max_ms=float(max(latencies)),
        opened=outcome.opened,
        published=builds,
        seen=sorted(outcome.seen),
        errors=outcome.errors[:_MESSAGES],
        mixed=outcome.mixed[:_MESSAGES],
    )


def print_report(document: dict[str, Any]) -> None:
    """Print the result as a table, and each error as a line."""
    from rich.table import Table

    from attune.core.console import stdout_console

    console = stdout_console()
    table = Table("readers", "questions", "failed", "p50", "p95", "p99", "longest", "generations", box=None)
    milliseconds = [f"{document[name]:.0f} ms" for name in ("p50_ms", "p95_ms", "p99_ms", "max_ms")]
    counts = [str(document[name]) for name in ("readers", "asked", "failed")]
    table.add_row(*counts, *milliseconds, ", ".join(map(str, document["seen"])))
    console.print(table)
    for line in (*document["errors"], *document["mixed"]):
        console.print(line)
