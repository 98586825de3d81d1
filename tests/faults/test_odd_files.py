"""Files with unusual names, types and places, and files that vanish, change or may not be read."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unicodedata
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest

from attune.api import Library
from attune.core.errors import MediaError, UnreachableMedia, escape_path
from attune.core.progress import SilentProgress
from attune.core.settings import Settings
from attune.embedding import image_decoding
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbones, compute_patches
from attune.embedding.decode_pool import ExtractionJob, FeatureExtractor
from attune.embedding.feature_extraction import extract, hash_content, read_media
from attune.embedding.image_geometry import DEFAULT_IMAGE_SPEC
from attune.embedding.network import DEFAULT_NETWORK, Network, open_network
from attune.indexer.build import BuildRequest, build
from attune.indexer.library import read_status
from attune.indexer.library_settings import LibrarySettings
from attune.indexer.records import Root
from attune.indexer.scan import scan
from attune.tests.conftest import run_build
from attune.tests.e2e.command import ATTUNE, attune, attune_json
from attune.tests.faults.kill_rounds import build_quietly, read_contents
from attune.tests.faults.killed_build import read_content
from attune.tests.media_factory import photo, song

ODD_NAMES = (
    b"\xff\xfe.jpg",
    b"new\nline.jpg",
    b"\x1b[2J\x1b]0;owned\x07.jpg",
    b"tab\tand\rreturn.jpg",
    b"<script>alert(1)&amp;.jpg",
    b"quote\"'`$(id).jpg",
    b"\xe2\x80\xaegpj.exe.jpg",  # right-to-left override
    b"-rf.jpg",
    b"%s%n.jpg",
    b" .jpg",
    unicodedata.normalize("NFC", "é.jpg").encode(),
    unicodedata.normalize("NFD", "é.jpg").encode(),
)


@pytest.fixture
def odd(tmp_path: Path, network_folder: Path) -> tuple[Path, Path]:
    """Library and folder of pictures with odd names and a song with an odd title."""
    folder = tmp_path / "odd"
    folder.mkdir()
    for seed, name in enumerate(ODD_NAMES):
        photo(tmp_path / "plain.jpg", seed, (40, 30)).rename(folder / os.fsdecode(name))
    import mutagen.flac

    tagged = mutagen.flac.FLAC(song(folder / "song.flac", 1))
    tagged["title"] = "\x1b[31mred\x1b[0m\u202e\n<b>"
    tagged.save()
    library = tmp_path / "library"
    result = attune("build-index", folder, "--network", network_folder, library=library)
    assert (result.returncode, "skipped" in result.stderr) == (0, False)
    return library, folder


@pytest.mark.slow
def test_odd_names_reach_neither_terminal_nor_page_unescaped(odd: tuple[Path, Path], tmp_path: Path) -> None:
    library, folder = odd
    document = attune_json("find-images", folder / "song.flac", "--all-alike", "-n", 100, library=library)
    found = {os.fsencode(Path(result["path"]).name) for result in document["results"]}
    assert found == set(ODD_NAMES)
    shown = attune("find-images", folder / "song.flac", "--all-alike", "-n", 100, library=library).stdout
    shown += attune("find-music", folder / " .jpg", library=library).stdout
    shown += attune("match", folder / os.fsdecode(ODD_NAMES[2]), folder / "song.flac", library=library).stdout
    shown += attune("status", "--skipped", library=library).stdout
    shown += attune("verify", library=library).stdout
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert "\u202e" not in shown
    listed = _stdout("find-images", folder / "song.flac", "--all-alike", "-n", "100", "-0", library=library)
    assert {Path(os.fsdecode(path)).name for path in listed.split(b"\0")[:-1]} == {
        os.fsdecode(name) for name in ODD_NAMES
    }


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_odd_names_in_tables(odd: tuple[Path, Path], tmp_path: Path, suffix: str) -> None:
    library, folder = odd
    table = tmp_path / os.fsdecode(b"\xff" + suffix.encode())
    with Library(library) as opened:
        opened.export(table)
    table = table.rename(tmp_path / f"table{suffix}")
    frame = pandas.read_csv(table) if suffix == ".csv" else pandas.read_parquet(table)
    names = [escape_path(os.fsdecode(name)) for name in (*ODD_NAMES, b"song.flac")]
    assert sorted(frame["path"]) == sorted(f"{folder}/{name}" for name in names)
    assert frame["title"].dropna().tolist() == ["[31mred [0m <b>"]


@pytest.mark.slow
def test_a_table_on_a_terminal_has_no_control_characters(odd: tuple[Path, Path]) -> None:
    library, _ = odd
    shown = _show_on_terminal("export", library=library)
    assert b"owned" in shown and b"[31mred" in shown
    assert all(char.isprintable() or char in "\r\n" for char in shown.decode())


def _stdout(*arguments: Any, library: Path) -> bytes:
    command = [str(ATTUNE), *map(str, arguments)]
    environment = {**os.environ, "ATTUNE_LIBRARY": str(library)}
    return subprocess.run(command, stdout=subprocess.PIPE, env=environment, check=True).stdout


def _show_on_terminal(*arguments: Any, library: Path) -> bytes:
    """Return what a command prints on a terminal."""
    import pty

    ours, theirs = pty.openpty()
    command = [str(ATTUNE), *map(str, arguments)]
    shown = b""
    with subprocess.Popen(command, stdout=theirs, env={**os.environ, "ATTUNE_LIBRARY": str(library)}):
        os.close(theirs)
        with contextlib.suppress(OSError):
            while block := os.read(ours, 65536):
                shown += block
    os.close(ours)
    return shown


def test_paths_on_a_terminal_are_escaped(odd: tuple[Path, Path]) -> None:
    library, folder = odd
    shown = _show_on_terminal(
        "find-images", folder / "song.flac", "--all-alike", "-n", 100, "--paths", library=library
    )
    assert b"owned" in shown
    assert b"\x1b" not in shown
    assert b"\x07" not in shown


def test_what_is_no_file_is_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "up.jpg").symlink_to(folder)
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "nowhere.jpg").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.jpg")
    place = os.open(folder, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(f"/proc/self/fd/{place}/socket.flac")  # a socket's path must be short
    os.close(place)
    (folder / "good.jpg").write_bytes(b"good")
    for follow in (False, True):
        root = Root(str(folder), follow_links=follow)
        found = scan([root], tmp_path / "library", LibrarySettings([root]).rules())
        assert [Path(one.stamp.path).name for one in found.candidates] == ["good.jpg"]
        assert {Path(one.stamp.path).name for one in found.refused} == {"pipe.jpg", "socket.flac"}
        assert found.unlisted == {}
    with pytest.raises(MediaError, match="not a regular file"):
        read_media(folder / "pipe.jpg", "image", DEFAULT_IMAGE_SPEC, compute_patches)
    build_quietly(tmp_path / "library", folder, DEFAULT_NETWORK)
    assert len(read_contents(tmp_path / "library")) == 1
    assert len(read_status(tmp_path / "library").skipped) == 2


def disturbing(disturb: Any) -> FeatureExtractor:
    """Return a feature extractor that calls `disturb` before it reads the files."""

    def read(jobs: Iterable[ExtractionJob], settings: Settings, backbones: Any) -> Generator[Any]:
        waiting = list(jobs)
        disturb()
        yield from read_content(waiting, settings, backbones)

    return read


def test_files_that_vanish_and_change_during_a_build(tmp_path: Path) -> None:
    folder, library = tmp_path / "media", tmp_path / "library"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.jpg").write_bytes(b"file %d" % number)

    def disturb() -> None:
        (folder / "0.jpg").unlink()
        (folder / "1.jpg").write_bytes(b"another and longer")
        (folder / "late.jpg").write_bytes(b"late")

    request = BuildRequest(library, (str(folder),))
    report = build(request, open_network(), Settings(workers=1), SilentProgress(), disturbing(disturb))
    assert [skip.reason for skip in report.skipped] == ["cannot be read (No such file or directory)"]
    report = build_quietly(library, None, DEFAULT_NETWORK)
    assert (report.added, report.copied, report.changed, report.skipped) == (1, 0, 1, [])
    expected = {str(path): hash_content(path) for path in folder.iterdir()}
    assert {path: seen.content for path, seen in read_contents(library).items()} == expected


def test_a_file_that_changes_while_it_is_read_is_read_another_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the features of the old picture would be stored under the hash of the new one for good."""
    path = photo(tmp_path / "photo.jpg", 1)
    real = image_decoding.decode_image_file

    def changed(*arguments: Any) -> Any:
        picture = real(*arguments)
        photo(path, 2, (300, 200))
        return picture

    monkeypatch.setattr(image_decoding, "decode_image_file", changed)
    with pytest.raises(UnreachableMedia, match="changed while it was read"):
        extract(path, "image", Backbones(DEFAULT_BACKBONES))


def test_a_clock_that_was_moved_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    folder, library = tmp_path / "media", tmp_path / "library"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(b"file %d" % number)
    build_quietly(library, folder, DEFAULT_NETWORK)
    monkeypatch.setattr(time, "time", lambda: 86_400.0)
    (folder / "0.jpg").write_bytes(b"file X")  # the size is unchanged
    os.utime(folder / "0.jpg", (86_400, 86_400))
    os.utime(folder / "1.jpg", (4_000_000_000, 4_000_000_000))
    report = build_quietly(library, folder, DEFAULT_NETWORK)
    assert (report.changed, report.unchanged) == (1, 4)  # one of them was only touched
    assert report.generation is not None
    assert report.generation.id == 2
    assert read_contents(library)[str(folder / "0.jpg")].content == hash_content(folder / "0.jpg")


@pytest.mark.slow
def test_a_hundred_thousand_files_in_one_folder(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    for number in range(100_000):
        os.close(os.open(f"{number:06d}.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    root = Root(str(tmp_path))
    found = scan([root], tmp_path / "library", LibrarySettings([root]).rules())
    assert len(found.candidates) == 100_000


def test_a_path_of_four_thousand_bytes(tmp_path: Path, network: Network) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    photo(tmp_path / "photo.jpg", 1, (40, 30))
    song(tmp_path / "song.m4a", 1)
    before = Path.cwd()
    try:
        os.chdir(folder)
        deep = str(folder)
        while len(deep) + 200 < 4000:
            Path("x" * 199).mkdir()
            os.chdir("x" * 199)
            deep += "/" + "x" * 199
        last = "y" * (4000 - len(deep) - 1 - len("/photo.jpg"))
        Path(last).mkdir()
        shutil.copyfile(tmp_path / "photo.jpg", f"{last}/photo.jpg")
        shutil.copyfile(tmp_path / "song.m4a", f"{last}/song.m4a")
        os.chdir(last)
        Path("z" * 200).mkdir()  # longer than the system allows for one path
        shutil.copyfile(tmp_path / "photo.jpg", f"{'z' * 200}/photo.jpg")
    finally:
        os.chdir(before)
    report = run_build(tmp_path / "library", network, folder)
    assert (report.added, report.skipped) == (2, [])
    assert [len(path) for path in report.missing] == [4000 - len("/photo.jpg") + 201]
    assert {len(path) for path in read_contents(tmp_path / "library")} == {4000, 4000 - 1}
    shutil.rmtree(folder)


@pytest.fixture
def for_all() -> Iterator[Path]:
    """Folder that every user can read; pytest's temporary folders are private."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


_AS_NOBODY = """
import json, sys
from pathlib import Path
from attune.tests.faults.kill_rounds import build_quietly
from attune.core.errors import AttuneError
from attune.indexer.library import LibraryReader
library, media, home = map(Path, sys.argv[1:])
with LibraryReader(library) as opened:
    answered = len(opened.search("image").sample(1 << 40))
try:
    build_quietly(library, media, "attune")
    refusal = None
except AttuneError as error:
    refusal = str(error)
report = build_quietly(home / "own", media, "attune")
skipped = [str(one) for one in report.skipped]
print(json.dumps([answered, refusal, report.added, list(report.missing), skipped]))
"""


def run_unprivileged(code: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    """Run Python code without root's rights: as the current user, or as nobody if that is root."""
    root = Path(__file__).parents[2]
    options: dict[str, Any] = {"capture_output": True, "text": True, "check": False, "cwd": "/"}
    options["env"] = {"PYTHONPATH": str(root), "HOME": str(arguments[-1]), "PATH": os.environ["PATH"]}
    python = [sys.executable, "-B", "-c"]
    before: list[str] = []
    if os.getuid() == 0:
        rights = {"user": 65534, "group": 65534, "extra_groups": []}
        try:
            seen = subprocess.run([*python, "import attune.cli"], **options, **rights).returncode == 0
        except PermissionError:
            seen = False
        if seen:
            options |= rights
        else:  # nobody cannot read this checkout: root without the capabilities to bypass permissions
            before = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    return subprocess.run([*before, *python, code, *map(str, arguments)], **options)


@pytest.mark.slow
def test_what_a_user_may_not_read_or_write(for_all: Path) -> None:
    """Run as an unprivileged user, since root may read and write everything."""
    import json

    media, library = for_all / "media", for_all / "library"
    (media / "closed").mkdir(parents=True)
    (media / "closed" / "inside.jpg").write_bytes(b"inside")
    for number in range(5):
        (media / f"{number}.jpg").write_bytes(b"file %d" % number)
    build_quietly(library, media, DEFAULT_NETWORK)
    (media / "0.jpg").chmod(0)
    (media / "closed").chmod(0)
    home = for_all / "home"
    home.mkdir()
    home.chmod(0o777)
    for path in (library, *library.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    result = run_unprivileged(_AS_NOBODY, library, media, home)
    (media / "closed").chmod(0o755)
    for path in (library, *library.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert result.returncode == 0, result.stderr
    answered, refusal, added, missing, skipped = json.loads(result.stdout)
    assert answered == 6
    assert "cannot be written (Permission denied)" in refusal
    assert (added, missing) == (4, [str(media / "closed")])
    assert [line.rpartition(": ")[2] for line in skipped] == ["cannot be read (Permission denied)"]
