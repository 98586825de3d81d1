"""Exclusions: what rules leave out, compared with Git, and what a text that somebody typed means."""

from __future__ import annotations

import os
import subprocess
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.core import exclusion_rules
from attune.core.errors import UsageError
from attune.core.exclusion_argument import resolve_exclusion
from attune.core.exclusion_rules import ExclusionRules
from attune.core.exclusions import DEFAULT_EXCLUSIONS, IGNORE_FILE, Exclusion, read_ignore_file

ROOT = "/photos"


def left_out(patterns: Sequence[str], paths: Sequence[str], folders: Sequence[str] = ()) -> list[str]:
    """Return the paths, relative to a root, that patterns leave out."""
    rules = ExclusionRules([ROOT], [Exclusion(pattern) for pattern in patterns])
    return [path for path in paths if rules.excludes(f"{ROOT}/{path}", is_folder=path in folders)]


# Patterns, as Git understands them --------------------------------------------------------------------------

_NAMES = st.sampled_from(["a", "b", "A", "ab", "abc", "B.PNG", "c.png", ".a", "a b", "[a]", "!a", "#a"])
_PATHS = st.lists(_NAMES, min_size=1, max_size=4).map("/".join)
_WORDS = ("a", "b", "A", "ab", "*", "**", "?", "a*", "*b", "*.png", "*.*", "a*c", "*a*b*", "**b", "a?c", ".*")
_CLASSES = ("[ab]", "[!a]", "[^b]b", "[a-c]*", "[[]a[]]", "\\[a]", "\\a", "a\\ b", "\\!a")
_SEGMENTS = st.sampled_from([*_WORDS, *_CLASSES])
_PATTERNS = st.builds(
    lambda lift, slash, segments, end: lift + slash + "/".join(segments) + end,
    st.sampled_from(["", "", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(_SEGMENTS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / "a").mkdir()  # what does not exist is no folder for Git, but what lies above something is
    return folder


def ask_git(repository: Path, paths: Sequence[str]) -> list[str]:
    """Return the paths that Git ignores, without regard to case and to the user's own settings."""
    command = [
        "git",
        "-c",
        "core.ignorecase=true",
        "-c",
        "core.excludesFile=",
        "check-ignore",
        "-z",
        "--stdin",
    ]
    asked = b"".join(os.fsencode(path) + b"\0" for path in paths)
    answer = subprocess.run(command, cwd=repository, input=asked, capture_output=True, check=False)
    assert answer.returncode in (0, 1), answer.stderr
    return [os.fsdecode(path) for path in answer.stdout.split(b"\0") if path]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(_PATTERNS, min_size=1, max_size=5),
    st.lists(_PATTERNS, max_size=3),
    st.lists(_PATHS, min_size=1, max_size=30, unique=True),
)
def test_patterns_leave_out_what_git_ignores(
    repository: Path, patterns: list[str], inner: list[str], paths: list[str]
) -> None:
    (repository / ".gitignore").write_text("\n".join(patterns))
    (repository / "a" / ".gitignore").write_text("\n".join(inner))
    rules = ExclusionRules([ROOT], [])
    rules.add(Exclusion(pattern, root=f"{ROOT}/a") for pattern in inner)
    rules.add(Exclusion(pattern, root=ROOT) for pattern in patterns)
    assert [path for path in paths if rules.excludes(f"{ROOT}/{path}", is_folder=path == "a")] == ask_git(
        repository, paths
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(_PATTERNS, min_size=1, max_size=5), st.lists(_PATHS, min_size=1, max_size=30, unique=True))
def test_rules_of_the_library_have_the_same_syntax(
    repository: Path, patterns: list[str], paths: list[str]
) -> None:
    (repository / ".gitignore").write_text("\n".join(patterns))
    (repository / "a" / ".gitignore").write_text("")
    assert left_out(patterns, paths, folders=["a"]) == ask_git(repository, paths)


@pytest.mark.parametrize(
    ("patterns", "out"),
    [
        (["private"], ["private", "sub/private/x.jpg"]),
        (["/private"], ["private"]),
        (["private/"], ["sub/private/x.jpg"]),
        (["sub/*.JPG"], ["sub/y.jpg"]),
        (["sub/**"], ["sub/private/x.jpg", "sub/y.jpg"]),
        (["*.png"], ["B.PNG"]),
        (["*", "!private"], ["sub/private/x.jpg", "sub/y.jpg", "B.PNG", "#recycle"]),
        (["sub", "!sub/y.jpg"], ["sub/private/x.jpg", "sub/y.jpg"]),
        (["#recycle"], ["#recycle"]),
        (["\\#recycle"], ["#recycle"]),
        (["photos"], []),
        (["[a"], []),
    ],
)
def test_each_rule_of_the_syntax(patterns: list[str], out: list[str]) -> None:
    paths = ["private", "sub/private/x.jpg", "sub/y.jpg", "B.PNG", "#recycle"]
    assert left_out(patterns, paths) == out


def test_patterns_ignore_case_and_the_normal_form_of_names() -> None:
    decomposed = unicodedata.normalize("NFD", "Été à Köln")
    assert left_out(["ÉTÉ*"], [decomposed, "Été"]) == [decomposed, "Été"]
    assert left_out([unicodedata.normalize("NFD", "été*")], ["Été à Köln"]) == ["Été à Köln"]
    assert left_out(["ОТПУСК", "stra?e", "ΟΔΟΣ"], ["Отпуск", "Straße", "οδος"]) == [
        "Отпуск",
        "Straße",
        "οδος",
    ]


def test_bytes_that_are_no_text_are_names_like_others() -> None:
    name = os.fsdecode(b"\xff\xfe.jpg")
    assert left_out(["*.jpg"], [name, f"{name}/x"]) == [name, f"{name}/x"]
    assert left_out([name], [name, "x.jpg"]) == [name]
    rules = ExclusionRules([ROOT], [Exclusion("shown", f"{ROOT}/{name}")])
    assert rules.excludes(f"{ROOT}/{name}/x") and not rules.excludes(f"{ROOT}/x")


def test_a_pattern_of_many_stars_takes_no_time() -> None:
    began = time.perf_counter()
    assert not left_out(["*a" * 40 + "*b"], ["a" * 250])
    assert left_out(["*a" * 40 + "*"], ["a" * 250])
    assert time.perf_counter() - began < 0.5


# Rules, roots and folders -----------------------------------------------------------------------------------


def test_what_nobody_means_is_left_out_and_can_be_brought_back() -> None:
    library = "Photos Library.photoslibrary"
    derivatives = [
        *("@eaDir/a.jpg", "#recycle/a.jpg", "$RECYCLE.BIN/a.jpg", "x/System Volume Information/a.jpg"),
        *(
            "a.lrdata/a.jpg",
            f"{library}/resources/a.jpg",
            "b.aplibrary/Thumbnails/a.jpg",
            ".thumbnails/a.jpg",
        ),
        *("x/.stversions/a.jpg", "x/node_modules/y/a.jpg", ".hidden.jpg", "x/._a.jpg"),
    ]
    originals = [
        f"{library}/originals/1/a.jpg",
        "b.aplibrary/Masters/a.jpg",
        "resources/a.jpg",
        "eaDir/a.jpg",
    ]
    defaults = [rule.pattern for rule in DEFAULT_EXCLUSIONS]
    assert left_out(defaults, derivatives + originals) == derivatives
    assert not left_out([*defaults, "!@eaDir/", "!.hidden.jpg"], ["@eaDir/a.jpg", ".hidden.jpg"])


def test_a_root_that_somebody_named_is_not_left_out_by_default() -> None:
    roots = ["/home/me", "/home/me/.camera/in", "/home/me/.single.jpg", "/data/P.photoslibrary"]
    rules = ExclusionRules(roots, [*DEFAULT_EXCLUSIONS, Exclusion("private")])
    assert not rules.excludes("/home/me/.camera/in/a.jpg")
    assert not rules.excludes("/home/me/.single.jpg")
    assert rules.excludes("/home/me/.camera/in/.a.jpg") and rules.excludes("/home/me/.camera/a.jpg")
    assert rules.excludes("/home/me/.camera/in/private/a.jpg")
    assert rules.excludes("/data/P.photoslibrary/resources/a.jpg")
    assert not rules.excludes("/data/P.photoslibrary/originals/a.jpg")


def test_backslashes_of_windows_are_slashes_for_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exclusion_rules, "_SEPARATOR", "\\")
    rules = ExclusionRules(["C:\\photos"], [*DEFAULT_EXCLUSIONS, Exclusion("2019/raw"), Exclusion("*.png")])
    rules.add([Exclusion("/x", root="C:\\photos\\sub")])
    for out in ("@eaDir\\a.jpg", "2019\\raw\\a.jpg", "sub\\B.PNG", "sub\\x\\a.jpg"):
        assert rules.excludes(f"C:\\photos\\{out}"), out
    assert not rules.excludes("C:\\photos\\x\\a.jpg")


def test_what_is_above_the_root_matches_no_pattern() -> None:
    rules = ExclusionRules(["/private/photos"], [Exclusion("private"), Exclusion("photos")])
    assert not rules.excludes("/private/photos/a.jpg")
    assert not rules.excludes("/private/photos", is_folder=True)
    assert rules.excludes("/private/photos/photos/a.jpg")


def test_a_path_below_several_roots_is_left_out_if_it_is_for_one() -> None:
    rules = ExclusionRules(["/a", "/a/private/b"], [Exclusion("/private")])
    assert rules.excludes("/a/private/b/x.jpg") and not rules.excludes("/a/b/x.jpg")


def test_a_root_that_is_a_file_is_left_out_by_a_pattern_for_its_name() -> None:
    rules = ExclusionRules(["/a/one.PNG", "/a/two.jpg"], [Exclusion("*.png"), Exclusion("a")])
    assert rules.excludes("/a/one.PNG") and not rules.excludes("/a/two.jpg")


def test_rules_for_one_root_concern_no_other() -> None:
    rules = ExclusionRules(["/a", "/b"], [Exclusion("/x/y", root="/a"), Exclusion("/z", root="/b/c")])
    assert rules.excludes("/a/x/y") and rules.excludes("/b/c/z")
    assert not rules.excludes("/b/x/y") and not rules.excludes("/b/z") and not rules.excludes("/a/c/z")


def test_a_path_rule_counts_before_patterns() -> None:
    rules = ExclusionRules(
        ["/a"], [Exclusion("!/a/b.png", "/a/b.png"), Exclusion("*.png"), Exclusion("/a/c", "/a/c")]
    )
    assert not rules.excludes("/a/b.png") and rules.excludes("/a/c.png")
    assert rules.excludes("/a/c/x.jpg") and not rules.excludes("/a/C/x.jpg") and not rules.excludes("/a/cd")


def test_a_path_above_the_roots_leaves_all_out() -> None:
    assert ExclusionRules(["/a/b"], [Exclusion("/a", "/a")]).excludes("/a/b/c.jpg")
    assert ExclusionRules(["/"], [Exclusion("/a", "/a"), Exclusion("/*.png")]).excludes("/b.png")
    assert not ExclusionRules(["/"], [Exclusion("/a", "/a"), Exclusion("/*.png")]).excludes("/b/b.png")


def test_an_ignore_file_counts_less_than_what_was_given_and_more_than_those_above_it() -> None:
    rules = ExclusionRules([ROOT], [*DEFAULT_EXCLUSIONS, Exclusion("secret")])
    assert not rules.excludes(f"{ROOT}/a/b/x.png")
    rules.add([Exclusion("*.png", root=f"{ROOT}/a"), Exclusion("!secret", root=f"{ROOT}/a")])
    assert rules.excludes(f"{ROOT}/a/b/x.png") and not rules.excludes(f"{ROOT}/x.png")
    rules.add([Exclusion("!*.png", root=f"{ROOT}/a/b"), Exclusion("!.keep", root=f"{ROOT}/a/b")])
    assert not rules.excludes(f"{ROOT}/a/b/x.png") and rules.excludes(f"{ROOT}/a/c/x.png")
    assert not rules.excludes(f"{ROOT}/a/b/.keep") and rules.excludes(f"{ROOT}/a/.keep")
    assert rules.excludes(f"{ROOT}/a/secret")


def test_an_ignore_file_is_read_as_people_write_it(tmp_path: Path) -> None:
    file = tmp_path / IGNORE_FILE
    file.write_bytes(
        "\ufeff# private things\r\nÉté/\r\n\r\n  \r\n*.png  \r\n\\#x\r\n!y\\ ".encode() + b"\n\xff"
    )
    patterns = ["Été/", "*.png", "\\#x", "!y\\ ", os.fsdecode(b"\xff")]
    assert read_ignore_file(str(file)) == [Exclusion(pattern, root=str(tmp_path)) for pattern in patterns]
    with pytest.raises(OSError, match="No such file"):
        read_ignore_file(str(tmp_path / "nowhere"))


def test_rules_that_match_nothing_are_named() -> None:
    given = [
        Exclusion("*.png"),
        Exclusion("*.PNG"),
        Exclusion("privat"),
        Exclusion("/x", "/x"),
        Exclusion("!b"),
    ]
    rules = ExclusionRules([ROOT], [*DEFAULT_EXCLUSIONS, *given])
    assert rules.unused() == given
    assert rules.excludes(f"{ROOT}/a/b.png")
    assert rules.unused() == given[2:]
    assert not rules.excludes(f"{ROOT}/b")
    assert rules.unused() == given[2:4]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Photos with a private folder, a link to it beside them, and a name with brackets; links to all."""
    for name in ("private", "sub/private", "trip [2019]", "trip 2", "#1", "!best"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    (tmp_path / "elsewhere" / "private").mkdir(parents=True)
    (tmp_path / "hidden").symlink_to(tmp_path / "photos" / "private")
    (tmp_path / "pictures").symlink_to(tmp_path / "photos")
    return tmp_path


# What a text means ------------------------------------------------------------------------------------------


def test_an_existing_path_is_meant_in_any_spelling(tree: Path) -> None:
    root, private = str(tree / "photos"), str(tree / "photos" / "private")
    spellings = [
        *(
            "photos/private",
            "photos/private/",
            "./photos/private",
            "./photos//private/.",
            "photos/sub/../private",
        ),
        *(
            private,
            f"{private}/",
            "hidden",
            "pictures/private",
            f"file://{private}",
            f"file://localhost{private}/",
        ),
        f"../{tree.name}/photos/private",
    ]
    for text in spellings:
        assert resolve_exclusion(text, [root], str(tree)) == Exclusion(private, private), text
    assert resolve_exclusion("private/", [root], root).path == private
    assert resolve_exclusion("../private", [root], f"{root}/sub").path == private
    assert resolve_exclusion(f"file://{root}/trip%20%5B2019%5D", [root], None).path == f"{root}/trip [2019]"
    assert resolve_exclusion(".", [root], root).path == root
    assert resolve_exclusion("photos", [f"{root}/sub"], str(tree)).path == root


def test_without_a_current_folder_a_path_is_found_from_the_roots(tree: Path) -> None:
    root, private = str(tree / "photos"), str(tree / "photos" / "private")
    for text in (
        private,
        f"{private}/",
        f"file://{private}",
        "./private",
        "photos/private/",
        "./photos/private",
    ):
        assert resolve_exclusion(text, [root], None).path == private, text
    assert resolve_exclusion("../photos/private", [root], None).path == private
    assert resolve_exclusion("private/", [root], None) == Exclusion("private/")


def test_other_texts_are_patterns(tree: Path) -> None:
    roots, elsewhere = [str(tree / "photos")], str(tree / "elsewhere")
    for text in (
        "private",
        "private/",
        "**/private",
        "/private",
        "*.png",
        "sub/*.png",
        "#recycle",
        "\\!x",
        "a b",
    ):
        assert resolve_exclusion(text, roots, elsewhere) == Exclusion(text), text
    assert resolve_exclusion("*.png \t", roots, None) == Exclusion("*.png")
    assert resolve_exclusion("!*.png", roots, None) == Exclusion("!*.png")


def test_a_name_that_means_something_in_a_pattern_is_a_name_if_it_exists(tree: Path) -> None:
    root = str(tree / "photos")
    for name in ("trip [2019]", "#1", "!best", "trip [2019]/"):
        for folder in (root, str(tree), None):
            assert resolve_exclusion(name, [root], folder).path == f"{root}/{name.rstrip('/')}"
    both = resolve_exclusion("trip [2019]", [root, str(tree / "other")], None)
    (tree / "other" / "trip [2019]").mkdir(parents=True)
    assert both.path == f"{root}/trip [2019]"
    rule = resolve_exclusion("trip [2019]", [root, str(tree / "other")], None)
    rules = ExclusionRules([root, str(tree / "other")], [rule])
    assert rules.excludes(f"{root}/trip [2019]/a") and rules.excludes(f"{tree}/other/trip [2019]/a")
    assert not rules.excludes(f"{root}/trip 2/a")


def test_an_absolute_path_below_a_root_is_a_path_even_if_its_disk_is_away(tree: Path) -> None:
    away = "/mnt/away/photos"
    assert resolve_exclusion(f"{away}/trip [2019]/", [away], None).path == f"{away}/trip [2019]"
    assert resolve_exclusion(away, [away], None).path == away
    root = str(tree / "photos")
    assert resolve_exclusion(f"{tree}/pictures/gone", [root], None).path == f"{root}/gone"
    assert resolve_exclusion(f"{root}/sub/*/", [root], None) == Exclusion("/sub/*/", root=root)
    assert resolve_exclusion("./photos/sub/*.png", [root], str(tree)) == Exclusion("/sub/*.png", root=root)
    assert resolve_exclusion("./photos/gone", [root], str(tree)).path == f"{root}/gone"
    assert resolve_exclusion(str(tree / "elsewhere"), [root], None).path == str(tree / "elsewhere")


def test_a_path_can_be_brought_back(tree: Path) -> None:
    root = str(tree / "photos")
    rule = resolve_exclusion("!photos/sub", [root], str(tree))
    assert rule == Exclusion(f"!{root}/sub", f"{root}/sub")
    assert not ExclusionRules([root], [Exclusion("s*"), rule]).excludes(f"{root}/sub/x")


def test_a_link_to_a_root_or_to_a_folder_makes_no_difference(tree: Path) -> None:
    photos, link = str(tree / "photos"), str(tree / "pictures")
    for root in (photos, link):
        for path in (f"{photos}/private", f"{link}/private", str(tree / "hidden")):
            rules = ExclusionRules([root], [Exclusion(path, path)])
            assert rules.excludes(f"{root}/private/x.jpg"), (root, path)
            assert not rules.excludes(f"{root}/sub/private/x.jpg")
    assert ExclusionRules([link], [Exclusion(photos, photos)]).excludes(f"{link}/x.jpg")


def test_a_disk_that_ignores_case_says_how_a_name_is_spelled(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = str(tree / "photos")
    (tree / "photos" / "PRIVATE").symlink_to("private")  # as such a disk finds the same file by both names
    listed = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [name for name in listed(path) if name != "PRIVATE"])
    assert resolve_exclusion("PRIVATE/", [root], root).path == f"{root}/private"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\t\n",
        "!",
        "a\\",
        "[a",
        "./nowhere",
        "../../..",
        "file://server/x",
        "a\0b",
        "file:///a%00",
        "\ud800",
        pytest.param("a/" * 5000, id="long"),
    ],
)
def test_a_text_that_means_nothing_is_refused(tree: Path, text: str) -> None:
    with pytest.raises(UsageError):
        resolve_exclusion(text, [str(tree / "photos")], None)
