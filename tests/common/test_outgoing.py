"""Writing to addresses that somebody typed in: never to machines inside unless the settings name their network."""

import ipaddress
import socket

import pytest

from gridgov.common import outgoing
from gridgov.common.outgoing import NotAllowed, NotDelivered, checked, may_reach, post, well_formed
from tests.factories.receiver import receiver

HERE = ["127.0.0.0/8"]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "2001::1",
    ],
)  # fmt: skip
def test_addresses_inside_are_refused(address):
    assert not may_reach(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "203.119.25.1", "2400:3200::1"])
def test_addresses_on_the_internet_are_allowed(address):
    assert may_reach(ipaddress.ip_address(address))


def test_a_network_named_in_the_settings_is_allowed_and_no_other(settings):
    settings.GRIDGOV_WEBHOOK_ALLOW = ["10.20.0.0/16"]
    assert may_reach(ipaddress.ip_address("10.20.3.4"))
    assert may_reach(ipaddress.ip_address("::ffff:10.20.3.4"))
    assert not may_reach(ipaddress.ip_address("10.21.3.4"))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.cn/", "file:///etc/passwd", "gopher://example.cn/", "example.cn", "https://", "https://u:p@example.cn/",
        "https://u@example.cn/", "https://example.cn:22/", "https://example.cn:99999/", "https://example.cn/\r\nX: y",
        "https://example.cn/ x", "https://例子.cn/", "https://example.cn/#a", "https://[::1/",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_refused(url):
    with pytest.raises(NotAllowed):
        well_formed(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:7f00:1]/",
    ],
)
def test_other_ways_to_write_this_machine_are_refused(url):
    with pytest.raises(NotAllowed):
        checked(url)


def test_a_name_is_judged_by_all_of_its_addresses(monkeypatch):
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(outgoing.socket, "getaddrinfo", lambda *a, **k: answers)
    with pytest.raises(NotAllowed):
        checked("https://two.example.cn/")


def test_without_tls_only_named_networks_are_written_to(monkeypatch, settings):
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("1.1.1.1", 80))]
    monkeypatch.setattr(outgoing.socket, "getaddrinfo", lambda *a, **k: answers)
    with pytest.raises(NotAllowed):
        checked("http://plain.example.cn/")
    settings.GRIDGOV_WEBHOOK_ALLOW = ["1.1.1.0/24"]
    assert str(checked("http://plain.example.cn/")[1]) == "1.1.1.1"


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch, settings):
    """A name that answers differently the second time gains nothing: it is asked once."""
    settings.GRIDGOV_WEBHOOK_ALLOW = HERE
    asked = []
    with receiver() as other:

        def names(host, port, *rest, **more):
            if host == "turning.example.cn":
                asked.append(host)
                assert len(asked) == 1, "asked twice"
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
            return real(host, port, *rest, **more)

        real = socket.getaddrinfo
        monkeypatch.setattr(outgoing.socket, "getaddrinfo", names)
        assert post(f"http://turning.example.cn:{other.port}/a", body=b"x", headers={}) == 200
        [(path, headers, body)] = other.got
    assert (path, headers["host"], body) == ("/a", f"turning.example.cn:{other.port}", b"x")


def test_redirects_are_not_followed(settings):
    settings.GRIDGOV_WEBHOOK_ALLOW = HERE
    with receiver() as other:
        other.statuses, other.location = [302], other.url
        with pytest.raises(NotDelivered, match="302"):
            post(other.url, body=b"x", headers={})
        assert len(other.got) == 1


def test_a_receiver_that_does_not_answer_is_given_up_in_time(settings, monkeypatch):
    settings.GRIDGOV_WEBHOOK_ALLOW = HERE
    monkeypatch.setattr(outgoing, "SECONDS", 0.2)
    with receiver() as other:
        other.delay = 1
        with pytest.raises(NotDelivered):
            post(other.url, body=b"x", headers={})


def test_a_receiver_that_drips_is_cut_off(settings, monkeypatch):
    settings.GRIDGOV_WEBHOOK_ALLOW = HERE
    monkeypatch.setattr(outgoing, "SECONDS_IN_ALL", 0.3)
    with receiver() as other:
        other.delay = 1.5
        with pytest.raises(NotDelivered):
            post(other.url, body=b"x", headers={})


def test_nobody_listening_says_no_more_than_that(settings):
    settings.GRIDGOV_WEBHOOK_ALLOW = HERE
    with receiver() as other:
        url = other.url
    with pytest.raises(NotDelivered) as error:
        post(url, body=b"x", headers={})
    assert "127.0.0.1" not in str(error.value)
