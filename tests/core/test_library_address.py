"""The address of a library: a folder, or a database whose password nobody can read."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from attune.core.errors import DamagedLibrary, UsageError, escape_path
from attune.core.library_address import DatabaseAddress, read_library_argument, resolve_library
from attune.core.paths import default_library

NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).map(
    lambda name: quote(name, safe="")
)
HOSTS = st.one_of(
    st.sampled_from(["", "localhost", "10.0.0.7", "[::1]", "[fe80::1%25eth0]", "%2Fvar%2Frun%2Fpostgresql"]),
    st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z]{2,5})?", fullmatch=True),
)
PORTS = st.just("") | st.integers(1, 65535).map(lambda port: f":{port}")
SERVERS = st.lists(st.builds(str.__add__, HOSTS, PORTS), min_size=1, max_size=3).map(",".join)
PARAMETERS = st.lists(
    st.sampled_from(["sslmode=require", "connect_timeout=5", "application_name=at%20une"]), unique=True
).map("&".join)
SECRET = "Tr0ub4dor"


@st.composite
def addresses(draw: st.DrawFn) -> str:
    scheme = draw(st.sampled_from(["postgresql", "postgres", "PostgreSQL", "POSTGRES"]))
    user = draw(st.just("") | NAMES.map(lambda name: f"{name}@"))
    return f"{scheme}://{user}{draw(SERVERS)}/{draw(NAMES)}?{draw(PARAMETERS)}"


@given(text=addresses())
@example("postgresql:///attune")
@example("postgresql://?service=attune")
@example("postgresql://?dbname=attune&host=/tmp/socket")
@example("postgresql://me@[::1]:5432/attune")
@example("postgresql://h1,h2:5433/attune?target_session_attrs=read-write")
@example("postgres://me%40work@db.example.org/a%2Fb?sslmode=require")
def test_an_address_is_read_once_and_as_libpq_reads_it(text: str) -> None:
    address = read_library_argument(text)
    assert isinstance(address, DatabaseAddress)
    assert str(address) == f"postgresql://{text.partition('://')[2]}"
    assert read_library_argument(str(address)) == read_library_argument(address) == address
    assert pickle.loads(pickle.dumps(address)) == address
    assert escape_path(address) == str(address)
    psycopg = pytest.importorskip("psycopg")
    assert "password" not in psycopg.conninfo.conninfo_to_dict(str(address))


@given(text=st.text(st.sampled_from("a:@/?=&%,[]#;1 password service"), max_size=30))
@example("user:Tr0ub4dor/x@host/db")
@example("user:5432/x@host/db")
@example("u@h/db?pass%77ord=x")
@example("h/%a1")
def test_in_no_accepted_address_does_libpq_find_a_password(text: str) -> None:
    try:
        address = read_library_argument(f"postgresql://{text}")
    except UsageError as error:
        assert "\n" not in str(error)
        return
    assert read_library_argument(str(address)) == address
    psycopg = pytest.importorskip("psycopg")
    try:
        found = psycopg.conninfo.conninfo_to_dict(str(address))
    except psycopg.ProgrammingError:
        return
    assert "password" not in found
    assert found.get("dbname") or found.get("service")


@pytest.mark.parametrize(
    "form",
    [
        "postgresql://user:{}@host/db",
        "POSTGRES://user:{}@host:5432/db?sslmode=require",
        " postgresql://user:{}@h1,h2/db",
        "postgresql://:{}@/db",
        "postgresql://user@host/db?password={}",
        "postgresql:///db?sslmode=require&PassWord={}",
        "postgresql:///db?p%61ssword={}",
        "postgresql:///db?sslpassword={}",
        "postgresql:user:{}@host/db",
        "postgresql:/user:{}@host/db",
        "postgresql+psycopg://user:{}@host/db",
        "mysql://user:{}@host/db",
    ],
)
@given(more=st.text(st.characters(exclude_characters="\0")))
@example(more="")
@example(more="/x")
@example(more="?x=y&z")
@example(more="@x")
def test_no_error_shows_the_password(form: str, more: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_library_argument(form.format(SECRET + more))
    shown: BaseException | None = caught.value
    assert caught.value.exit_code == 2
    while shown is not None:
        assert SECRET not in repr(shown)
        shown = shown.__cause__ or shown.__context__


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("postgresql://user:secret@host/db", "leave the password out; libpq takes it from PGPASSWORD"),
        ("postgresql://user:@host/db", "leave the password out"),
        ("postgresql://user@host/db?password=", "leave the password out"),
        ("postgresql://host", "names no database"),
        ("postgresql://", "names no database"),
        ("postgresql://host/?dbname=", "names no database"),
        ("postgresql://host/ ?", "names no database"),
        ("postgresql://me@work@host/db", "write it as %40"),
        ("postgresql://user:secret/db", "a port that is not a number"),
        ("postgresql://::1/db", "an IPv6 address without brackets"),
        ("postgresql://host/100%", "a % as %25"),
        ("postgresql://host/%a1", "percent-encoding of UTF-8"),
        ("postgresql://host/d%00b", "percent-encoding of UTF-8"),
        ("postgresql://host/d\nb", "a character that cannot be printed"),
        ("postgresql://host/d\udcffb", "a character that cannot be printed"),
        ("postgresql:host/db", "postgresql:… is not a library: name a folder, or postgresql://USER@HOST/"),
        ("mysql://host/db", "mysql://… is not a library"),
        ("SQLite:///library.db", "SQLite://… is not a library"),
        ("file://elsewhere/library", "a file on another computer"),
    ],
)
def test_what_is_no_address_says_what_to_do(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_library_argument(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("library", Path("library")),
        ("~/library", Path.home() / "library"),
        ("file:///srv/library", Path("/srv/library")),
        ("./postgresql:data", Path("postgresql:data")),
        ("C:\\library", Path("C:\\library")),
        ("postgresql", Path("postgresql")),
        (os.fsdecode(b"odd \xff bytes"), Path(os.fsdecode(b"odd \xff bytes"))),
    ],
)
def test_anything_else_is_a_folder(text: str, path: Path) -> None:
    assert read_library_argument(text) == path
    assert read_library_argument(path) == path


def test_a_folder_becomes_absolute_and_a_database_stays() -> None:
    address = DatabaseAddress("postgresql:///attune")
    assert resolve_library(Path("library")) == Path.cwd() / "library"
    assert resolve_library(address) is address
    assert resolve_library(None) == default_library()


@pytest.mark.parametrize("url", ["postgres:///attune", "/srv/library", "postgresql://user:secret@host/db"])
def test_an_address_made_by_hand_is_checked(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        DatabaseAddress(url)
    assert "secret" not in str(caught.value)


def test_a_damaged_library_names_its_address() -> None:
    address = DatabaseAddress("postgresql:///attune")
    assert str(DamagedLibrary(address, "a hole")).startswith("postgresql:///attune: its catalogue is damaged")
