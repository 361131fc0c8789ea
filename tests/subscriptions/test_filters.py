"""What filters say of an event's data (greenlake.md 6.1, deploy/decisions/0009-filters.md)."""

import json

import pytest

from subscriptions.webhooks.filters import event_filter

DATA = b"""{
    "status":"active","cpu":4,"load":1.0,"ratio":0.1,"big":123456789012345678901234567890,"huge":1e30,"minus":-7,
    "on":true,"off":false,"nothing":null,"name":"O'Hara","empty":"","upper":"ACTIVE","letters":"\xc3\xa9t\xc3\xa9",
    "createdAt":"2021-05-12T07:20:00.00Z","offset":"2021-05-12T09:20:00+02:00","date":"10/25/2024","late":"2021-05-12T07:20:00.1Z",
    "colors":["red","blue"],"mixed":["red",4,true,null,{"a":1},["blue"]],"none":[],
    "audit_info":{"username":"x","additional_info":{"ip_address":"194.9.99.5","not":1}},
    "devices":[{"id":1}],"Status":"PROVISIONED"
}"""

TABLE = {
    # The examples of greenlake.md 6.1.
    "status eq 'active'": True,
    "cpu gt 4": False,
    "quantity lt 10": False,
    "createdAt lt 2021-05-12T07:20:00.00Z": False,
    "country eq 'Brazil' and salary lt 80000": False,
    "not color in ('RED','GREEN','BLUE')": True,
    "'blue' in colors": True,
    "audit_info/username eq 'x'": True,
    "startswith(name,'O''H')": True,
    # Text, by code points.
    "status eq 'Active'": False,
    "status ne 'active'": False,
    "status ne 'gone'": True,
    "status gt 'ACTIVE'": True,
    "status ge 'active'": True,
    "status le 'active'": True,
    "status lt 'activf'": True,
    "name eq 'O''Hara'": True,
    "empty eq ''": True,
    "letters eq 'été'": True,
    # Numbers, exactly.
    "cpu eq 4": True,
    "cpu eq 4.0": True,
    "cpu eq +4": True,
    "cpu eq 4e0": True,
    "cpu ne 4.0": False,
    "cpu ge 4": True,
    "cpu le 3.999999999999999999999999999999": False,
    "load eq 1": True,
    "ratio eq 0.1": True,
    "ratio eq 0.10": True,
    "ratio eq 0.1000000000000000000000000000001": False,
    "big eq 123456789012345678901234567890": True,
    "big eq 123456789012345678901234567891": False,
    "big lt 123456789012345678901234567891": True,
    "huge eq 1000000000000000000000000000000": True,
    "huge lt 1e9999999999999999999999": True,
    "minus lt -6.5": True,
    # Truth.
    "on eq true": True,
    "on ne false": True,
    "on gt false": True,
    "off eq true": False,
    "on eq 1": False,
    "cpu eq true": False,
    # Null, and what is not there.
    "nothing eq null": True,
    "nothing ne null": False,
    "absent eq null": True,
    "absent ne null": False,
    "status ne null": True,
    "absent eq 'x'": False,
    "absent ne 'x'": True,
    "absent ne 5": True,
    "absent ne 2021-05-12T07:20:00Z": True,
    "absent gt 5": False,
    "absent ge null": False,
    "cpu gt null": False,
    "not absent gt 5": True,
    "absent in ('x',null)": True,
    "absent in ('x')": False,
    "startswith(absent,'')": False,
    "'x' in absent": False,
    "absent/deeper eq null": True,
    "status/deeper eq null": True,
    "devices/id eq null": True,
    # Another type never matches.
    "cpu eq '4'": False,
    "cpu ne '4'": False,
    "not cpu eq '4'": True,
    "status eq 4": False,
    "status ne 4": False,
    "status gt 4": False,
    "colors eq 'red'": False,
    "colors ne 'red'": False,
    "audit_info ne null": True,
    "colors in ('red')": False,
    "startswith(cpu,'4')": False,
    # Moments.
    "createdAt eq 2021-05-12T07:20:00Z": True,
    "createdAt eq 2021-05-12T09:20:00.000+02:00": True,
    "offset eq 2021-05-12T07:20:00Z": True,
    "offset eq '2021-05-12T07:20:00Z'": False,
    "late gt 2021-05-12T07:20:00.09999999999999Z": True,
    "late ne 2021-05-12T07:20:00Z": True,
    "date ne 2021-05-12T07:20:00Z": False,
    "cpu lt 2021-05-12T07:20:00Z": False,
    "offset in (2021-05-12T07:20:00Z)": True,
    # Arrays and lists.
    "'green' in colors": False,
    "'red' in none": False,
    "'red' in status": False,
    "'blue' in mixed": False,
    "4.0 in mixed": True,
    "1 in mixed": False,
    "true in mixed": True,
    "null in mixed": True,
    "null in colors": False,
    "status in ('gone','active')": True,
    "cpu in ('4',4)": True,
    "on in (1)": False,
    "load in (1,2)": True,
    # Functions.
    "startswith(status,'act')": True,
    "startswith(status,'ive')": False,
    "endswith(status,'ive')": True,
    "contains(status,'tiv')": True,
    "contains(status,'TIV')": False,
    "contains(status,'')": True,
    # Paths and names.
    "audit_info/additional_info/ip_address eq '194.9.99.5'": True,
    "audit_info/additional_info/not eq 1": True,
    "audit_info/absent/absent eq 1": False,
    "Status eq 'PROVISIONED'": True,
    # `not` before `and` before `or`.
    "not on eq true and off eq true": False,
    "not (on eq true and off eq true)": True,
    "on eq true or on eq true and off eq true": True,
    "(on eq true or on eq true) and off eq true": False,
    "off eq true and off eq true or on eq true": True,
    "not not on eq true": True,
    "off eq true or off eq true or on eq true": True,
    "on eq true and on eq true and off eq true": False,
    "(on eq true)and(cpu eq 4)": True,
    " \n( status\teq'active' ) ": True,
}


@pytest.mark.parametrize(("text", "expected"), TABLE.items())
def test_what_passes(text: str, expected: bool) -> None:
    """Each filter lets the event through or holds it back, as greenlake.md 6.1 says."""
    data = event_filter.data_of(b'{"specversion":"1.0","load":9,"data":' + DATA + b"}")

    assert event_filter.compile(text).passes(data) is expected


@pytest.mark.parametrize(
    ("envelope", "data"),
    [
        (b'{"id":"1"}', None),
        (b'{"id":"1","data_base64":"AAA="}', None),
        (b'{"id":"1","data":"<a/>"}', "<a/>"),
        (b'{"id":"1","data":[{"a":1}]}', [{"a": 1}]),
        (b'{"id":"1","data":null}', None),
    ],
)
def test_data_without_properties(envelope: bytes, data: object) -> None:
    """Data that are no object, or are not there, have no property: each is null."""
    found = event_filter.data_of(envelope)

    assert found == data
    assert event_filter.compile("a eq null").passes(found)
    assert not event_filter.compile("a eq 1").passes(found)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1" + "0" * 9000, "n gt 1e8999"),
        ("1e99999999999999999999", "n gt 1e999999999999999999"),
        ("-1e99999999999999999999", "n lt 0"),
        ("1e-99999999999999999999", "n lt 1e-1000000"),
        ("0." + "1" * 9000, "n lt 0.2"),
    ],
)
def test_numbers_beyond_all_bounds(number: str, text: str) -> None:
    """A number that no machine type holds is compared all the same."""
    data = event_filter.data_of(b'{"data":{"n":%b}}' % number.encode())

    assert event_filter.compile(text).passes(data)


def test_compiled_once() -> None:
    """The same text is the same filter, whoever asks for it."""
    assert event_filter.compile("a eq 1") is event_filter.compile("a eq 1")


def test_the_longest_filter() -> None:
    """A filter of the greatest length is compiled and asked like any other."""
    text = " or ".join(f"p{number} eq {number}" for number in range(400))[:4096].rpartition(" or ")[0]

    compiled = event_filter.compile(text)

    assert compiled.passes(json.loads('{"p200":200}'))
    assert not compiled.passes({})
