"""The guard's rules as tables. That they hold at the moment of dialling is left to test_transport."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.wire.guard import Blocked, Guard
from subscriptions.ground.errors import Issue, Misconfigured, Refused

CLOSED = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:8.8.8.8",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::168.63.129.16",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::8.8.8.8",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "not an address",
]
OPEN = [
    "8.8.8.8",
    "1.1.1.1",
    "172.32.0.1",
    "100.128.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2606:4700::1111",
    "2001:4860:4860::8888",
]


def opens(guard: Guard, address: str, host: str = "api.example.com") -> bool:
    try:
        guard.check_address(address, host)
    except Blocked:
        return False
    return True


@pytest.mark.parametrize("address", CLOSED)
def test_addresses_that_are_not_public_are_blocked(address: str) -> None:
    """Every form of an address that leads inside, or nowhere."""
    with pytest.raises(Blocked) as caught:
        Guard().check_address(address, "api.example.com")

    assert str(caught.value) == f"{address} (of name api.example.com) is not a public address"


@pytest.mark.parametrize("address", OPEN)
def test_public_addresses_are_open(address: str) -> None:
    """The internet, also through NAT64."""
    assert opens(Guard(), address)


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_as_open_as_its_mapped_form(number: int) -> None:
    """`::ffff:a.b.c.d` is `a.b.c.d` to the kernel, and so to the guard."""
    plain = f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    guard = Guard(["10.0.0.0/8", "127.0.0.1"])

    assert opens(guard, plain) == opens(guard, f"::ffff:{plain}")


@pytest.mark.parametrize(
    ("allow", "open_", "shut"),
    [
        (["10.1.0.0/16"], ["10.1.2.3", "::ffff:10.1.2.3"], ["10.2.0.1", "127.0.0.1", "64:ff9b::10.1.2.3"]),
        (["127.0.0.1"], ["127.0.0.1"], ["127.0.0.2", "::1"]),
        (["::1"], ["::1"], ["127.0.0.1"]),
        (["::ffff:10.0.0.1"], ["10.0.0.1"], ["10.0.0.2"]),
        (
            ["0.0.0.0/0", "::/0"],
            ["10.0.0.1", "fd00::1"],
            [
                *("169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254"),
                *("168.63.129.16", "100.100.100.200", "192.0.0.192", "fd20:ce::254"),
            ],
        ),
        (["64:ff9b::/96", "::/96"], ["64:ff9b::10.0.0.1"], ["64:ff9b::169.254.169.254", "::169.254.169.254"]),
        (["2002::/16"], ["2002:a00:1::"], ["2002:a9fe:a9fe::1"]),
        (
            ["169.254.0.0/16", "fe80::/10", "fd00:ec2::/32"],
            ["fd00:ec2::1"],
            ["169.254.1.1", "fe80::1", "fd00:ec2::254"],
        ),
        (["169.254.169.254", "fd00:ec2::254"], ["169.254.169.254", "fd00:ec2::254"], ["169.254.169.253"]),
    ],
)
def test_an_entry_opens_exactly_what_it_names(allow: Sequence[str], open_: Sequence[str], shut: Sequence[str]) -> None:
    """An address, a network; metadata addresses one by one only."""
    guard = Guard(allow)

    assert [address for address in open_ if not opens(guard, address)] == []
    assert [address for address in shut if opens(guard, address)] == []


def test_a_name_is_open_wherever_it_leads_but_to_metadata() -> None:
    """A host-name entry opens that name alone, whatever it resolves to."""
    guard = Guard(["Receiver.Internal."])

    assert opens(guard, "10.0.0.1", "receiver.internal")
    assert opens(guard, "10.0.0.1", "receiver.internal.")
    assert not opens(guard, "10.0.0.1", "other.internal")
    assert not opens(guard, "10.0.0.1", "sub.receiver.internal")
    assert not opens(guard, "169.254.169.254", "receiver.internal")


@pytest.mark.parametrize(
    "entry", ["", "10.0.0.1/8", "10.0.0.0/40", "300.1.1.1", "*.example.com", "a b", "https://a", "[::1]", "host:80"]
)
def test_an_entry_that_names_nothing_is_a_misconfiguration(entry: str) -> None:
    """The sentence names the entry."""
    with pytest.raises(Misconfigured, match="the allowed destination `"):
        Guard([entry])


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://api.example.com/hook?a=1&b=%20",
        "HTTPS://API.example.com:8443/",
        "https://8.8.8.8/hook",
        "https://[2606:4700::1111]:443/",
        "https://bücher.example/ä",
        "https://xn--bcher-kva.example.",
        "https://under_score.example/",
        "https://example.com/" + "a" * 2028,
    ],
)
def test_good_destinations_pass(url: str) -> None:
    """Public hosts by name or address, with port, path and query as they like."""
    assert Guard().check_url(url) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://example.com/" + "a" * 2029, "longer than 2048"),
        ("http://example.com/", "begin with https://"),
        ("ftp://example.com/", "begin with https://"),
        ("example.com/hook", "begin with https://"),
        ("//example.com/", "begin with https://"),
        ("", "begin with https://"),
        ("https://", "name a host"),
        ("https:///hook", "name a host"),
        ("https://./", "name a host"),
        ("https://user@example.com/", "user name or a password"),
        ("https://user:pw@example.com/", "user name or a password"),
        ("https://@example.com/", "user name or a password"),
        ("https://example.com/#part", "fragment"),
        ("https://example.com/#", "fragment"),
        ("https://example.com:0/", "port must be between"),
        ("https://example.com:99999/", "port must be between|cannot be read"),
        ("https://example.com:8o/", "cannot be read"),
        ("https://exa mple.com/", "space, a control"),
        ("https://example.com/\r\nX: y", "space, a control"),
        ("https://example.com/\x00", "space, a control"),
        ("https://example.com\\@10.0.0.1/", "backslash"),
        ("https://exam\u200bple.com/", "control character"),
        ("https://example.com/\ud800", "control character"),
        ("https://127.0.0.1/", "127.0.0.1 is not a public address"),
        ("https://[::1]/", "::1 is not a public address"),
        ("https://[::ffff:127.0.0.1]/", "is not a public address"),
        ("https://[fe80::1%25eth0]/", "zone|cannot be read"),
        ("https://[fe80::1%eth0]/", "zone|cannot be read"),
        ("https://[::ffff:7f00:1%lo]/", "zone|cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://[0:0:0:0:0:ffff:7f00:1]/", "is not a public address"),
        ("https://[::127.0.0.1]/", "is not a public address"),
        ("https://[64:ff9b::7f00:1]/", "is not a public address"),
        ("https://[2002:7f00:1::]/", "is not a public address"),
        ("https://[fc00::1]/", "is not a public address"),
        ("https://[fec0::1]/", "is not a public address"),
        ("https://0.0.0.0/", "0.0.0.0 is not a public address"),
        ("https://100.64.0.1/", "100.64.0.1 is not a public address"),
        ("https://169.254.169.254/latest/meta-data/", "169.254.169.254 is not a public address"),
        ("https://168.63.129.16/", "168.63.129.16 is not a public address"),
        ("https://0X7F000001/", "127.0.0.1 (of name 0x7f000001) is not"),
        ("https://0x7F.0X0.0x0.0X1/", "127.0.0.1 (of name 0x7f.0x0.0x0.0x1) is not"),
        ("https://017700000001/", "127.0.0.1 (of name 017700000001) is not"),
        ("https://127.0.1/", "127.0.0.1 (of name 127.0.1) is not"),
        ("https://127.0.0.1../", "not a valid host name"),
        ("https://example.com../", "not a valid host name"),
        ("https://127｡0｡0｡1/", "cannot be read|not a public"),
        ("https://①②⑦.⓪.⓪.①/", "cannot be read|not a public|not a valid"),
        ("https://ⓛocalhost/", "cannot be read|names this machine"),
        ("https://LOCALHOST。localdomain/", "names this machine"),
        ("https://127.0.0.1%00.example.com/", "percent-encoded|cannot be read"),
        ("https://example.com;@127.0.0.1/", "user name or a password"),
        ("https://[::1]:443@example.com/", "user name or a password"),
        ("https://4294967297/", "neither an address nor a host name"),
        ("https:example.com", "name a host"),
        ("https://2130706433/", "127.0.0.1 (of name 2130706433) is not a public address"),
        ("https://0x7f.1/", "127.0.0.1 (of name 0x7f.1) is not"),
        ("https://0177.0.0.1/", "127.0.0.1 (of name 0177.0.0.1) is not|cannot be read"),
        ("https://127.1/", "127.0.0.1 (of name 127.1) is not"),
        ("https://127.0.0.1./", "127.0.0.1 is not a public address"),
        ("https://0/", "0.0.0.0 (of name 0) is not"),
        ("https://134744072/", "another spelling of 8.8.8.8"),
        ("https://010.8.8.8/", "another spelling of 8.8.8.8|cannot be read"),
        ("https://１２７.0.0.1/", "cannot be read|not a public|not a valid"),
        ("https://127。0。0。1/", "cannot be read|not a public"),
        ("https://%31%32%37.0.0.1/", "percent-encoded|cannot be read"),
        ("https://256.1.1.1/", "neither an address nor a host name|cannot be read"),
        ("https://1.2.3.4.5/", "neither an address nor a host name"),
        ("https://example.0x1/", "neither an address nor a host name"),
        ("https://localhost/", "names this machine"),
        ("https://LocalHost./", "names this machine"),
        ("https://api.localhost/", "names this machine"),
        ("https://localhost.localdomain/", "names this machine"),
        ("https://ip6-localhost/", "names this machine"),
        ("https://-bad.example/", "not a valid host name|cannot be read"),
        ("https://a..b/", "not a valid host name|cannot be read"),
        ("https://" + "a" * 64 + ".example/", "not a valid host name|cannot be read"),
        ("https://ex!ample.com/", "not a valid host name|cannot be read"),
    ],
)
def test_bad_destinations_are_refused_in_one_sentence(url: str, says: str) -> None:
    """The same rules as at dial time give a clear 400 at registration."""
    with pytest.raises(Refused) as caught:
        Guard().check_url(url)

    (issue,) = caught.value.issues
    assert issue.subject == "destination"
    assert any(part in issue.description for part in says.split("|")), issue.description


def test_http_and_loopback_open_by_setting() -> None:
    """What `make run` sets is enough for a receiver on this machine."""
    guard = Guard(["127.0.0.0/8", "::1", "localhost"], allow_http=True)

    for url in ("http://127.0.0.1:9000/", "http://localhost:9000/", "http://[::1]:9000/", "https://localhost/"):
        guard.check_url(url)
    with pytest.raises(Refused, match="another spelling of 127"):
        guard.check_url("http://2130706433/")
    with pytest.raises(Refused, match="begin with https:// or http://"):
        guard.check_url("ws://localhost/")


@given(st.text(max_size=60))
def test_no_text_makes_the_guard_stumble(text: str) -> None:
    """Whatever is registered, the answer is yes or a Refused."""
    for url in (text, "https://" + text, "https://example.com/" + text):
        try:
            issues: Sequence[Issue] = ()
            Guard().check_url(url)
        except Refused as refused:
            issues = refused.issues

        assert all(issue.subject == "destination" and issue.description for issue in issues)
