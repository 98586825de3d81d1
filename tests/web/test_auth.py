"""Access rules of the server: hosts, tokens, cookies and cross-site requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attune.retrieval.web.auth import COOKIE, AccessPolicy, derive_session_cookie, host_name, is_cross_site

ALONE = AccessPolicy(frozenset({"localhost", "127.0.0.1", "::1"}), allow_ip_addresses=False, token=None)
OPEN = AccessPolicy(
    frozenset({"music.example"}), allow_ip_addresses=True, token="a token that nobody guesses"
)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8750", "127.0.0.1:1", "[::1]:8750", "localhost."])
def test_its_own_names_are_allowed(host: str) -> None:
    assert ALONE.allows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "192.168.0.7",
        "evil@localhost",
        "localhost/..",
        "localhost:x",
        "[::1",
        "127.0.0.1:80@evil.example",
    ],
)
def test_other_names_are_not(host: str) -> None:
    assert not ALONE.allows_host(host)


def test_an_address_is_allowed_where_it_listens_to_others_but_no_strange_name() -> None:
    assert OPEN.allows_host("192.168.0.7:8750")
    assert OPEN.allows_host("[fe80::1]:8750")
    assert OPEN.allows_host("music.example")
    assert not OPEN.allows_host("rebound.example")


@given(st.text(max_size=40))
def test_any_text_as_host_is_judged_not_raised_at(text: str) -> None:
    name = host_name(text)
    assert ALONE.allows_host(text) == (name in ALONE.hosts)


@given(st.dictionaries(st.sampled_from(["authorization", "cookie"]), st.text(max_size=60)))
def test_no_text_is_the_token(headers: dict[str, str]) -> None:
    assert not OPEN.accepts_token(headers)


def test_the_token_is_known_as_bearer_and_as_cookie_but_not_itself_as_cookie() -> None:
    assert OPEN.token is not None
    assert OPEN.accepts_token({"authorization": f"Bearer {OPEN.token}"})
    assert OPEN.accepts_token({"cookie": f"other=1; {COOKIE}={derive_session_cookie(OPEN.token)}"})
    assert not OPEN.accepts_token({"cookie": f"{COOKIE}={OPEN.token}"})
    assert not OPEN.accepts_token({"authorization": f"Basic {OPEN.token}"})
    assert ALONE.accepts_token({})


def test_pages_of_other_sites_are_told_by_origin_and_by_the_browser() -> None:
    assert not is_cross_site({"host": "127.0.0.1:8750"})
    assert not is_cross_site({"host": "127.0.0.1:8750", "origin": "http://127.0.0.1:8750"})
    assert is_cross_site({"host": "127.0.0.1:8750", "origin": "http://127.0.0.1:3000"})
    assert is_cross_site({"host": "127.0.0.1:8750", "origin": "null"})
    assert is_cross_site({"host": "127.0.0.1:8750", "sec-fetch-site": "cross-site"})
    assert is_cross_site({"host": "127.0.0.1:8750", "sec-fetch-site": "same-site"})
