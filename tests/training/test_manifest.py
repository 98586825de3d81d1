"""Reading of manifests, and the error for each kind of bad manifest."""

from pathlib import Path

import numpy as np
import pytest

from attune.core.errors import UsageError
from attune.training.manifest import polarity_codes, ratings, read_manifest, reference_points

HEADER = "path,split,set,group,polarity,quadrant,valence,arousal,label\n"


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    csv_path = folder / "m.csv"
    csv_path.write_text(text, encoding)
    return csv_path


def refusal(csv_path: Path, split: str | None = None, sets: list[str] | None = None) -> str:
    with pytest.raises(UsageError) as caught:
        read_manifest(csv_path, split, sets)
    message = str(caught.value)
    assert "\n" not in message
    assert csv_path.name in message
    return message


def test_every_column_is_read(tmp_path: Path) -> None:
    text = 'a/b.jpg,train,oasis,Fire,negative,,-0.5,1,"x, y"\n'
    (row,) = read_manifest(write(tmp_path, HEADER + text))
    assert row.path == tmp_path.resolve() / "a/b.jpg"
    assert (row.split, row.set, row.group, row.label) == ("train", "oasis", "Fire", "x, y")
    assert (row.polarity, row.quadrant, row.valence, row.arousal) == ("negative", None, -0.5, 1.0)


def test_only_path_is_required_and_each_row_is_then_its_own_group(tmp_path: Path) -> None:
    rows = read_manifest(write(tmp_path, "path\na.jpg\nb.jpg\n"))
    assert [row.group for row in rows] == [str(row.path) for row in rows]
    assert rows[0].polarity is rows[0].quadrant is rows[0].valence is rows[0].arousal is None
    assert (rows[0].split, rows[0].set, rows[0].label) == ("", "", "")


def test_relative_csv_path_gives_absolute_media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "path\nb.jpg\n/elsewhere/c.jpg\n")
    monkeypatch.chdir(tmp_path)
    rows = read_manifest(Path("m.csv"))
    assert [row.path for row in rows] == [tmp_path.resolve() / "b.jpg", Path("/elsewhere/c.jpg")]


def test_byte_order_mark_and_short_rows_are_tolerated(tmp_path: Path) -> None:
    (row,) = read_manifest(write(tmp_path, HEADER + "a.jpg,test\n", "utf-8-sig"), "test")
    assert row.split == "test"


def test_split_and_sets_select(tmp_path: Path) -> None:
    path = write(tmp_path, "path,split,set\na,train,x\nb,test,x\nc,test,y\nd,test,z\n")
    assert [row.path.name for row in read_manifest(path, "test")] == ["b", "c", "d"]
    assert [row.path.name for row in read_manifest(path, "test", ["y", "x"])] == ["b", "c"]
    assert [row.path.name for row in read_manifest(path, sets=["x"])] == ["a", "b"]
    assert len(read_manifest(path, sets=[])) == 4


def test_quadrant_gives_polarity_where_none_is_written(tmp_path: Path) -> None:
    text = "path,polarity,quadrant\na,,Q1\nb,,Q2\nc,,Q3\nd,,Q4\ne,neutral,Q1\nf,,\n"
    rows = read_manifest(write(tmp_path, text))
    assert polarity_codes(rows).tolist() == [0, 2, 2, 1, 1, -1]
    assert polarity_codes(rows).dtype == np.int8


def test_ratings_come_before_the_corner_of_the_quadrant(tmp_path: Path) -> None:
    rows = read_manifest(write(tmp_path, "path,quadrant,valence,arousal\na,Q2,,\nb,Q4,0.9,-0.1\nc,,,\n"))
    np.testing.assert_array_equal(reference_points(rows), [[-0.5, 0.5], [0.9, -0.1], [np.nan, np.nan]])
    np.testing.assert_array_equal(ratings(rows)[0], [np.nan, np.nan])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a,train,s,g,,,x,,", "line 2: valence 'x' is not a number"),
        ("a,train,s,g,,,,1.5,", "line 2: arousal 1.5 is outside [-1, 1]"),
        ("a,train,s,g,,,nan,,", "line 2: valence nan is outside [-1, 1]"),
        ("a,train,s,g,happy,,,,", "line 2: polarity 'happy' is none of positive, neutral, negative"),
        ("a,train,s,g,,Q5,,,", "line 2: quadrant 'Q5' is none of Q1, Q2, Q3, Q4"),
        (",train,s,g,,,,,", "line 2: the path is empty"),
        ("a,train,s,g,,,,,l,more", "line 2: more cells than the header has columns"),
    ],
)
def test_bad_cells_are_named_by_line(tmp_path: Path, line: str, message: str) -> None:
    assert message in refusal(write(tmp_path, HEADER + line + "\n"))


def test_files_that_are_no_manifest(tmp_path: Path) -> None:
    assert "no such manifest" in refusal(tmp_path / "none.csv")
    assert "cannot be read" in refusal(tmp_path)
    assert "no column 'path'" in refusal(write(tmp_path, "file,split\na,test\n"))
    assert "no column 'path'" in refusal(write(tmp_path, ""))
    assert "no rows" in refusal(write(tmp_path, HEADER))
    (tmp_path / "m.csv").write_bytes(b"path\n\xff\xfe\x00\n")
    assert "not a UTF-8 CSV file" in refusal(tmp_path / "m.csv")


def test_split_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    path = write(tmp_path, "path,split,set\na,train,x\nb,val,x\n")
    assert "no rows with split 'test' (there is train, val)" in refusal(path, "test")
    assert "no rows with set 'y' (there is x)" in refusal(path, "val", ["x", "y"])


def test_split_asked_of_a_manifest_without_that_column(tmp_path: Path) -> None:
    path = write(tmp_path, "path\na\n")
    assert "the column 'split' is missing or empty" in refusal(path, "test")


def test_a_group_in_two_splits_is_refused_whatever_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, "path,split,group\na,train,ABBA\nb,val,Queen\nc,test,ABBA\n")
    for split in (None, "val"):
        assert "group 'ABBA' is in two splits (train and test)" in refusal(path, split)


def test_one_file_in_two_splits_is_a_leak_too(tmp_path: Path) -> None:
    assert "is in two splits" in refusal(write(tmp_path, "path,split\na,train\na,test\n"))
