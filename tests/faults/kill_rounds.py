"""Rounds of killed builds, each followed by a check of the library, the committed rows and the next build."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import AttuneError
from attune.core.library_address import LibraryAddress
from attune.core.progress import Progress, SilentProgress
from attune.core.settings import Settings
from attune.embedding.media_files import Kind
from attune.embedding.network import DEFAULT_NETWORK, EMBEDDING_DIM, open_network
from attune.indexer.build import BuildReport, BuildRequest, build
from attune.indexer.library import LibraryReader, read_published_generation
from attune.indexer.library_store import open_store
from attune.indexer.verify import verify
from attune.tests.faults import killed_build
from attune.tests.faults.killed_build import (
    KilledBuildSpec,
    change_library_settings,
    change_media,
    make_media,
    read_content,
)
from attune.tests.faults.library_places import FolderPlace, LibraryPlace, open_rows

FILES: Final = 140  # more than two batches
_TIMEOUT_S: Final = 300.0
_LONGEST_DELAY_S: Final = 0.05  # of a kill after a statement has been sent to a server
_LOCKED_S: Final = 3.0  # the longest time for which the lock of a killed process may seem held
CaseName = Literal["first build", "changes", "another network", "settings"]
CASES: Final[tuple[CaseName, ...]] = ("first build", "changes", "another network", "settings")


@dataclass(frozen=True, slots=True)
class KillCase:
    """A build, or a change of the settings, to be killed.

    Attributes:
        name: Name of the case.
        library: The library before the build, with one generation; None: there is none.
        media: Folder of the media files.
        network: Folder of the network, or the name of a shipped one.
        steps: Names of the steps of an undisturbed build, in order.
        seconds: Duration of the undisturbed build.
        result: Contents of the library after it, see `read_contents`.
    """

    name: CaseName
    library: LibraryAddress | None
    media: Path
    network: str
    steps: list[str]
    seconds: float
    result: dict[str, VisibleItem]


@dataclass(slots=True)
class Fault:
    """Results of one kind of fault.

    Attributes:
        name: Name of the fault.
        tried: Number of tries.
        survived: Number of tries after which nothing was wrong.
        lost: One line for each thing that was wrong.
    """

    name: str
    tried: int = 0
    survived: int = 0
    lost: list[str] = field(default_factory=list)


def kill_builds(
    count: int, folder: Path, seed: int, progress: Progress, place: LibraryPlace | None = None
) -> list[Fault]:
    """Kill builds of small libraries at named steps, at random moments and by simulated power cuts.

    Args:
        count: Number of builds to kill.
        folder: An empty folder for temporary files.
        seed: Seed of the steps and moments.
        progress: Receives the number of kills.
        place: Where the libraries are kept; None: in folders.
    """
    place = place or FolderPlace(folder / "libraries")
    draw = random.Random(seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "attune.tests.faults.killed_build",
            "attune.indexer.build",
            "onnxruntime",
            "faiss",
            "sqlalchemy",
            "attune.indexer.postgres.postgres_store",
            "attune.indexer.postgres.postgres_writer",
            "psycopg",
        ]
    )
    cases = [_make_case(name, folder / name.replace(" ", "-"), place, context) for name in CASES]
    faults: dict[str, Fault] = {}
    progress.start("killing builds", count)
    for number, (case, kill_at, moment, power) in enumerate(_schedule_kills(cases, draw)):
        if number == count:
            break
        name = "a random moment" if kill_at is None else case.steps[kill_at - 1]
        name = f"power cut: {name}" if power else f"SIGKILL: {name}"
        fault = faults.setdefault(name, Fault(name))
        fault.tried += 1
        broken = _run_round(case, folder / f"round-{number}", kill_at, moment, power, place, context)
        fault.survived += not broken
        fault.lost += [f"{case.name}, step {kill_at}, {moment:.3f} s: {line}" for line in broken]
        progress.advance()
    progress.finish()
    return sorted(faults.values(), key=lambda fault: fault.name)


def _schedule_kills(
    cases: list[KillCase], draw: random.Random
) -> Iterator[tuple[KillCase, int | None, float, bool]]:
    """Yield case, step (None: a random moment), seconds until or after that, and whether power is cut."""
    while True:
        order = [(case, name) for case in cases for name in sorted(set(case.steps))]
        draw.shuffle(order)
        for case, name in order:
            at = draw.choice([at for at, step in enumerate(case.steps, 1) if step == name])
            yield case, at, draw.uniform(0.0, _LONGEST_DELAY_S), False
            yield case, draw.randint(1, len(case.steps)), 0.0, True
            yield case, None, draw.uniform(0.0, 1.2 * case.seconds), False


def _make_case(name: CaseName, folder: Path, place: LibraryPlace, context: Any) -> KillCase:
    """Make a case, and run its build undisturbed once."""
    media = folder / "media"
    make_media(media, FILES)
    library: LibraryAddress | None = None
    network = DEFAULT_NETWORK
    if name != "first build":
        library = place.new()
        build_quietly(library, media, DEFAULT_NETWORK)
    if name == "changes":
        change_media(media)
    if name == "another network":
        network = str(_write_other_network(folder / "network"))
    after = place.new() if library is None else place.copy(library)
    spec = KilledBuildSpec(
        after, place.files(after), media, network, folder / "steps", only_settings=name == "settings"
    )
    process = context.Process(target=killed_build.run, args=(spec,))
    began = time.monotonic()
    process.start()
    process.join(_TIMEOUT_S)
    seconds = time.monotonic() - began
    if process.exitcode != 0:
        raise AttuneError(f"the build that was to be killed later failed by itself ({process.exitcode})")
    steps = spec.log.read_text().splitlines()
    return KillCase(name, library, media, network, steps, seconds, read_contents(after))


def _write_other_network(folder: Path) -> Path:
    """Write a copy of the shipped network with another calibration, and so with another id."""
    shipped = open_network()
    shutil.copytree(shipped.folder, folder, ignore=shutil.ignore_patterns("run"))
    config = json.loads((folder / "network.json").read_text())
    curve = config["calibration"]["score"]
    curve["log_odds"] = [1.5 * odds for odds in curve["log_odds"]]
    (folder / "network.json").write_text(json.dumps(config))
    return folder


def build_quietly(library: LibraryAddress, media: Path | None, network: str) -> BuildReport:
    """Build as the killed builds do, but undisturbed; without media, refresh the library."""
    paths = () if media is None else (str(media),)
    request = BuildRequest(library, paths)
    return build(request, open_network(network), Settings(workers=1), SilentProgress(), read_content)


def _run_round(
    case: KillCase,
    folder: Path,
    kill_at: int | None,
    moment: float,
    power: bool,
    place: LibraryPlace,
    context: Any,
) -> list[str]:
    """Kill one build; return what is wrong afterwards."""
    folder.mkdir()
    mirror = folder / "mirror" if power else None
    library = place.new() if case.library is None else place.copy(case.library)
    spec = KilledBuildSpec(
        library,
        place.files(library),
        case.media,
        case.network,
        folder / "steps",
        kill_at,
        moment,
        mirror,
        case.name == "settings",
    )
    process = context.Process(target=killed_build.run, args=(spec,))
    process.start()
    process.join(moment if kill_at is None else _TIMEOUT_S)
    process.kill()
    process.join()
    if mirror is not None:
        library = place.cut_power(library, mirror / "library")
    try:
        before = 0 if case.library is None else len(read_contents(case.library))
        broken = examine(library, must_answer=before > 0)
        broken += _compare_with_undisturbed(case, library)
    except AttuneError as error:
        broken = [str(error)]
    if not broken:
        shutil.rmtree(folder)
        place.remove(library)
    return broken


def _compare_with_undisturbed(case: KillCase, library: LibraryAddress) -> list[str]:
    """Build again; return what is wrong.

    The committed rows must be used, and the result must be that of an undisturbed build.
    """
    pending = 1 if case.library is None else 2
    broken = _wait_for_lock(library)
    committed = _read_committed_rows(library, pending)
    if case.name == "settings":
        change_library_settings(library)
    report = build_quietly(library, case.media, case.network)
    broken += examine(library, must_answer=True)
    kept = _read_committed_rows(library, pending)
    if not committed <= kept:
        broken.append(f"{len(committed - kept)} committed rows are gone")
    if report.generation is None or read_contents(library) != case.result:
        broken.append("the result of the next build differs from that of an undisturbed one")
    return broken


def _wait_for_lock(library: LibraryAddress) -> list[str]:
    """Take the lock of the killed process; return what is wrong if that takes long."""
    began = time.monotonic()
    with open_store(library).lock():
        seconds = time.monotonic() - began
    return [] if seconds < _LOCKED_S else [f"the lock was free only after {seconds:.1f} s"]


def _read_committed_rows(library: LibraryAddress, generation: int) -> set[tuple[int, bytes]]:
    """Return id and path of all rows that a build added to a generation, which may be unpublished."""
    if isinstance(library, Path) and not (library / "catalogue.db").exists():
        return set()
    with open_rows(library) as rows:
        if not rows.has("items"):
            return set()
        query = f"SELECT id, path FROM items WHERE removed IS NULL AND added = {generation}"
        return {(item, path) for item, path in rows.ask(query)}


_VISIBLE_ROWS: Final = """
    SELECT i.id, i.kind, i.path, i.content, e.vector FROM items i, state s, generations g, embeddings e
    WHERE g.id = s.generation AND e.item = i.id AND e.network = g.network
    AND i.added <= s.generation AND (i.removed IS NULL OR i.removed > s.generation) ORDER BY i.id
"""


@dataclass(frozen=True, slots=True, eq=False)
class VisibleItem:
    """Item as readers see it; two are equal if their embeddings differ only by rounding.

    The rounding of an embedding depends on the size of the batch in which it was computed.

    Attributes:
        kind: image or music.
        content: Hash of the file's bytes.
        vector: Embedding, float32 (128,).
    """

    kind: Kind
    content: bytes
    vector: NDArray[np.float32]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, VisibleItem):
            return NotImplemented
        same = (self.kind, self.content) == (other.kind, other.content)
        return same and bool(np.allclose(self.vector, other.vector, atol=1e-4))


def read_contents(library: LibraryAddress) -> dict[str, VisibleItem]:
    """Return the items that readers see, by path."""
    with open_rows(library) as rows:
        return {
            os.fsdecode(path): VisibleItem(kind, content, np.frombuffer(vector, "<f4"))
            for _, kind, path, content, vector in rows.ask(_VISIBLE_ROWS)
        }


def examine(library: LibraryAddress, *, must_answer: bool) -> list[str]:
    """Return what is wrong with a library.

    It must open, be undamaged, and give the same search results as brute force.

    Args:
        library: Where the library is.
        must_answer: Whether it must have a published generation.
    """
    if not must_answer and read_published_generation(library) is None:
        return []
    findings = verify(library, SilentProgress())
    # The first reader makes a lost index folder again, so its loss is no fault.
    broken = [f"{damage.part}: {damage.detail}" for damage in findings.damage if damage.part != "index"]
    with LibraryReader(library) as opened, open_rows(library) as connection:
        rows = connection.ask(_VISIBLE_ROWS)
        if len({row[2] for row in rows}) != len(rows):
            broken.append("a file is there twice")
        kinds: tuple[Kind, ...] = ("image", "music")
        for kind in kinds:
            ids = np.array([row[0] for row in rows if row[1] == kind], np.int64)
            vectors = np.array([np.frombuffer(row[4], "<f4") for row in rows if row[1] == kind])
            if not np.array_equal(opened.search(kind).sample(1 << 40), ids):
                broken.append(f"the index of {kind} does not match the catalogue")
            elif len(ids):
                broken += _check_answers(opened, kind, ids, vectors)
    return broken


def _check_answers(opened: LibraryReader, kind: Kind, ids: Any, vectors: Any) -> list[str]:
    query = np.random.default_rng(0).normal(size=EMBEDDING_DIM).astype(np.float32)
    found, _ = opened.nearest(kind, query, 10)
    expected = np.sort(vectors @ query)[::-1][:10]
    inner = {int(item): float(value) for item, value in zip(ids, vectors @ query, strict=True)}
    answered = [inner[int(item)] for item in found]
    return [] if np.allclose(answered, expected, atol=1e-5) else [f"wrong answers among {kind}"]
