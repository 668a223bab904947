"""From which web servers files may be loaded."""

from __future__ import annotations

import pytest

from AgentBridgeLib.policy.downloads import AddressRefusedError, check_address, is_public, origin_of
from AgentBridgeLib.policy.settings import DOWNLOADS_KEY, parse_settings

NAMED = ("https://data.example", "http://10.0.0.5:8042", "http://[::1]:80")


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://data.example/a/b.nrrd?x=1#part", "https://data.example", "/a/b.nrrd?x=1"),
        ("HTTPS://DATA.example:443", "https://data.example", "/"),
        ("https://data.example./a", "https://data.example", "/a"),
        ("http://10.0.0.5:8042/v", "http://10.0.0.5:8042", "/v"),
        ("http://[::1]/v", "http://[::1]", "/v"),
        ("https://data.example/ä", "https://data.example", "/%C3%A4"),
    ],
)
def test_named_server_is_asked_for_path_and_query(url, origin, target):
    """issue:#3: URL download."""
    address = check_address(url, map(origin_of, NAMED))
    assert (address.origin, address.target, address.must_be_public) == (origin, target, False)


@pytest.mark.parametrize(
    "url",
    [
        "https://other.example/a",
        "http://data.example/a",
        "https://data.example:8443/a",
        "https://data.example.evil.example/a",
        "https://user@data.example/a",
        "https://data.example@evil.example/a",
        "https://data.example\\@evil.example/a",
        "https://evil.example\\.data.example/",
        "http://10.0.0.5:80/v",
        "http://127.0.0.1/",
        "file:///etc/passwd",
        "ftp://data.example/a",
        "https:///a",
        "https://data.example:99999/a",
        "https://data.example/a b",
        "https://data.example/a\r\nHost: evil",
        "//data.example/a",
        "data.example/a",
    ],
)
def test_anything_else_is_refused(url):
    """issue:#3: an agent never supplies a host."""
    with pytest.raises(AddressRefusedError):
        check_address(url, NAMED)


def test_star_stands_for_the_public_internet_over_https_only():
    """issue:#3: loopback and private addresses only when they are named."""
    assert check_address("https://any.example/a", ["https://*"]).must_be_public
    assert not check_address("https://data.example/a", ["https://*", "https://data.example"]).must_be_public
    with pytest.raises(AddressRefusedError):
        check_address("http://any.example/a", ["https://*"])


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses_are_told_from_others(address, expected):
    """issue:#3: server-side request forgery."""
    assert is_public(address) is expected


def test_unreadable_list_names_no_server():
    """house: a setting that cannot be read never opens a door."""
    assert parse_settings({DOWNLOADS_KEY: '["https://Data.example:443", "https://*"]'}).download_servers == (
        "https://data.example",
        "https://*",
    )
    for text in ('["https://data.example/path"]', '["*"]', '["http://*"]', '"https://data.example"', "x"):
        settings = parse_settings({DOWNLOADS_KEY: text})
        assert settings.download_servers == ()
        assert len(settings.complaints) == 1
