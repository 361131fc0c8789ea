"""What a publisher or a receiver can make us read and write costs so much a byte, however much of it there is.

Work is counted in lines of Python. What C does within one of them was looked through by hand: it is linear too.
"""

import base64
import json
from collections.abc import Callable

import pytest

from delivery.wire import masking
from subscriptions.events import attributes, cloudevent, header_text, http_binding, json_text, occurrences, onap
from subscriptions.events.cloudevent import RequestPlace
from subscriptions.ground.errors import Refused
from subscriptions.webhooks.filters import event_filter, grammar
from tests.work import work

STRUCTURED = [("Content-Type", http_binding.STRUCTURED)]
EVENT = {"specversion": "1.0", "id": "1", "source": "/acm", "type": "org.acm.x"}
OCCURRENCE = {"apiGroup": "a", "apiVersion": "v1", "event": "happened"}


def envelope(**members: object) -> bytes:
    return json.dumps(EVENT | members).encode()


def refused(does: Callable[[], object]) -> None:
    with pytest.raises((Refused, ValueError)):
        does()


#: What is done, with input of so many pieces; what is refused is wrong at its very end.
DONE: dict[str, Callable[[int], object]] = {
    "compact JSON": lambda n: json_text.compact(b'{"a":[%b1]}' % (b'{"b": "\\u0041", "c": -0.10}, ' * n)),
    "JSON explained": lambda n: refused(lambda: json_text.compact(b'{"a":[%b1]]' % (b'{"b": "x"},' * n))),
    "a key twice": lambda n: refused(
        lambda: json_text.compact(b'{%b"k0":1}' % b"".join(b'"k%d":[1],' % each for each in range(n)))
    ),
    "JSON within JSON": lambda n: refused(lambda: json_text.compact(b"[" * n)),
    "a header": lambda n: header_text.decode("%C3%A9 a\\" * n + '"'),
    "a header in quotes": lambda n: header_text.decode('"' + '\\"a' * n + '"'),
    "a header not closed": lambda n: header_text.decode('"' + '\\"a' * n),
    "a header refused": lambda n: refused(lambda: header_text.decode("a%20" * n + "%")),
    "a header written": lambda n: header_text.encode('é "%' * n),
    "a batch": lambda n: http_binding.decode([("Content-Type", http_binding.BATCH)], b"[%b]" % b",".join([envelope()] *
    n), limit=n),
    "wrong members": lambda n: refused(lambda: http_binding.decode(STRUCTURED, envelope(**{f"A{k}": 1 for k in range(n)}))),
    "wrong fields": lambda n: refused(
        lambda: occurrences.read(json.dumps(OCCURRENCE | {f"A{k}": 1 for k in range(n)}).encode())
    ),
    "members of an envelope": lambda n: refused(lambda: list(onap.each({}, json.dumps({f"A{k}": 1 for k in range(n)}).encode()))),
    "words of an envelope": lambda n: onap.written(envelope(eventform="-a b= event eventContent " * n, data={"event": 1})),
    "base64": lambda n: cloudevent.payload(
        cloudevent.from_json(envelope(data_base64=base64.b64encode(b"abc" * n).decode()), place=RequestPlace())
    ),
    "text in binary mode": lambda n: http_binding.encode_binary(envelope(datacontenttype="text/plain;charset=gbk", data="a" * n)),
    "a media type": lambda n: attributes.charset("text/plain" + ';a="\\""' * n + ";"),
    "a filter": lambda n: grammar.parse(" or ".join(["a/b eq 'x'"] * (n // 4))),
    "a filter not closed": lambda n: refused(lambda: grammar.parse("a eq 'x" + "''" * n)),
    "a filter's list": lambda n: event_filter.compile(f"a in ({','.join(map(str, range(n)))})").passes({"a": 1.5}),
    "masking": lambda n: masking.in_body(b"a" * 40 * n, ["a" * n + "b", "a" * 9 + "b"], truncated=True),
    "masking what begins": lambda n: masking.in_body(b"c" + b"ab" * n, ["ab" * n + "c"], truncated=True),
    "masking headers": lambda n: masking.in_headers((("a", "a" * 40 * n), ("b", "b")), ["a" * n + "b"]),
    "what is masked": lambda n: masking.hidden(("é/\"' +" * n,), None),
}  # fmt: skip


@pytest.mark.parametrize("what", DONE)
def test_cost_per_byte(what: str) -> None:
    """Eight times as much of it is at most ten times the work."""
    does = DONE[what]
    few, many = (
        work(lambda size=size: does(size))  # type: ignore[misc]
        for size in (100, 800)
    )

    assert many <= 10 * few


#: What takes a step of its own for each of its pieces, or for each level of them.
DENSE = {
    "deep": b"[" * 60 + b"]" * 60,
    "empty": b"[]",
    "objects": b'{"a":{}}',
    "floats": b"1.50",
    "escapes": b'"\\n"',
    "brackets in strings": b'"[{\\"["',
}


@pytest.mark.parametrize("piece", DENSE)
def test_json_is_read_by_c(piece: str) -> None:
    """However JSON is packed, to read it takes some lines of Python, and none for each of its pieces."""
    raw = b'{"a": "\\u0041", "b":[%b]}' % b",".join([DENSE[piece]] * 1000)
    read = b'{"a":"A","b":[%b]}' % b",".join([DENSE[piece]] * 1000)

    assert json_text.compact(raw) == read
    assert work(lambda: json_text.compact(raw)) < 100


@pytest.mark.parametrize("read", [occurrences.read, lambda raw: http_binding.decode(STRUCTURED, raw)])
def test_too_many_extensions_are_not_looked_at(read: Callable[[bytes], object]) -> None:
    """One event has 64 extension attributes at most; of more no value is read (cloudevents.md C20)."""
    event: dict[str, object] = {**OCCURRENCE, "data": {}} if read is occurrences.read else {**EVENT}
    extended = [json.dumps(event | {f"a{number}": number for number in range(most)}).encode() for most in (64, 65, 500)]

    read(extended[0])
    for raw, said in zip(extended[1:], ("65", "500"), strict=True):
        with pytest.raises(Refused, match=f"^body: has {said} extension attributes; at most 64 are taken"):
            read(raw)
    costs = [work(lambda raw=raw: refused(lambda: read(raw))) for raw in extended[1:]]  # type: ignore[misc]
    assert costs[1] < costs[0] + 2 * 500
