"""What is fuzzed, on one screen: the checks, the files whose steps tell inputs apart, and the words that inputs are made of.

What a check demands stands beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from delivery.judgement import outcome, pace, retry
from delivery.wire import challenge, guard, sender, signing, tokens
from service.graphql import bounds as graphql_bounds
from service.graphql import documents
from subscriptions.events import (
    attributes,
    cloudevent,
    header_text,
    http_binding,
    json_text,
    legacy_events,
    onap,
    onap_reading,
    onap_texts,
)
from subscriptions.webhooks.filters import event_filter, grammar, lexer
from tests.fuzz import envelopes, queries, texts, wires


@dataclass(frozen=True, kw_only=True)
class Target:
    """A check of any bytes, and what finding new ones for it needs."""

    #: Raises AssertionError, or whatever else is a defect; answers what became of the input.
    check: Callable[[bytes], str]
    watched: tuple[ModuleType, ...]
    #: Pieces that its inputs are made of.
    words: tuple[bytes, ...]


_FILTER = (
    *(
        b" eq ",
        b" ne ",
        b" gt ",
        b" le ",
        b" in ",
        b" in (",
        b" and ",
        b" or ",
        b"not ",
        b"(",
        b")",
        b",",
        b"/",
        b"a",
        b"b",
    ),
    *(
        b"'x'",
        b"''",
        b"1",
        b"1.50",
        b"1e5",
        b"-0",
        b"null",
        b"true",
        b"2021-05-12T07:20:00Z",
        b"0001-01-01T00:00:00+23:59",
    ),
    *(
        b"9999-12-31T23:59:60-23:59",
        b"startswith(",
        b"endswith(a,'x')",
        b"contains(a/b,",
        b"==",
        b"&&",
        b'\n\n{"a":',
        b"}",
    ),
)
_JSON = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"a"',
        b'"b":',
        b"0",
        b"-0",
        b"1.0",
        b"1e400",
        b"null",
        b"true",
        b"NaN",
        b" ",
    ),
    *(b"\\u0041", b"\\ud83d\\ude00", b"\\ud800", b"\\u0000", b"\\/", b'\\"', b"\\", b'"a":1,"a":2', b"1" * 5000),
)
_REQUEST = (
    *(
        b"Content-Type: application/cloudevents+json\n",
        b"Content-Type: application/cloudevents-batch+json; charset=utf-8\n",
    ),
    *(
        b"Content-Type: application/json\n",
        b"Content-Type: text/plain; charset=latin-1\n",
        b"Content-Type: image/png\n",
    ),
    *(b"ce-specversion: 1.0\n", b"ce-id: 1\n", b"ce-source: /s\n", b"ce-type: t\n", b"ce-time: 2026-05-04T12:30:00Z\n"),
    *(
        b"ce-ext: %E2%82%AC\n",
        b'ce-subject: "a \\" b"\n',
        b"ce-data: x\n",
        b"\n\n",
        b'"specversion":"1.0"',
        b'"id":"1"',
    ),
    *(
        b'"source":"/s"',
        b'"type":"t"',
        b'"data":',
        b'"data_base64":"AAE="',
        b'"datacontenttype":"text/xml"',
        b",",
        b"[",
        b"]",
    ),
)
_URL = (
    *(
        b"https://",
        b"http://",
        b"HTTPS://",
        b"127.0.0.1",
        b"0x7f.1",
        b"017700000001",
        b"2130706433",
        b"[::1]",
        b"[::ffff:10.0.0.1]",
    ),
    *(
        b"[64:ff9b::7f00:1]",
        b"[2002:7f00:1::]",
        b"fe80::1%25eth0",
        b"localhost",
        b"example.com",
        b"169.254.169.254",
        b".",
        b":",
        b"@",
    ),
    *(
        b"/",
        b"//",
        b"?",
        b"#",
        b"%2e",
        b":443",
        b":0",
        b"xn--",
        "。".encode(),
        "①".encode(),
        "ß".encode(),
        "\u00ad".encode(),
        b"8.8.8.8",
    ),
)
_WAIT = (
    *(
        b"120",
        b"0",
        b"-1",
        b"+5",
        b"1.5",
        b"Wed, 21 Oct 2026 07:28:00 GMT",
        b"Wed Oct 21 07:28:00 2026",
        b"\n",
        b", ",
        b"1e9",
    ),
    *(b"Fri, 31 Dec 9999 23:59:59 -2359", b"Mon, 01 Jan 0001 00:00:00 +2359", b"GMT", b"12:00", b"\xb2", b"9" * 400),
)
_ANSWER = (
    *(
        b"WebHook-Allowed-Rate: ",
        b"WebHook-Allowed-Origin: ",
        b"*",
        b"120",
        b"https://hooklake.example",
        b"Content-Encoding: gzip",
    ),
    *(
        b"\n",
        b"\n\n",
        b'{"verification":"',
        b'"}',
        b"a" * 64,
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
        b"\x78\x9c",
        b"deflate",
    ),
)
_TOKEN = (
    *(
        b'"access_token":"t"',
        b'"token_type":"Bearer"',
        b'"expires_in":',
        b'"3600"',
        b'"nan"',
        b'"inf"',
        b"-1",
        b"1e400",
    ),
    *(b'"error":"invalid_client"', b'"error":"a secret"', b"401\n", b"400\n", b"503\n", b"\n"),
)
_LEGACY = (
    *(b"%s: x\n" % name.encode() for name in onap_texts.FIELDS),
    *(b'"%s":"' % name.encode() for name in (*onap_texts.FIELDS, *onap_texts.SPELLINGS)),
    *(b'"%s":' % name.encode() for name in onap_texts.PAYLOADS),
    *(
        b'"eventTime":"2020-12-01T00:00:00.000+0000"',
        b"+0530",
        b"Z",
        b"urn:cps:",
        b"cps:",
        b":v1",
        b":1.0.0",
        b"CREATE",
    ),
    *(b'{"subscription":{"clientID":"c"}}', b"-schema", b"://", b"\n\n", b'"eventType":"t"'),
)
_KYMA = (
    *(b'"%s":"' % name.encode() for name in ("event-type", "event-type-version", "event-id", "event-time")),
    *(
        b'"data":',
        b'"v1"',
        b'"order.created"',
        b'"2026-05-04T12:30:00.5+02:00"',
        b'"a8f9b1a0-3c1b-4f5e-9d5a-7b7b7b7b7b7b"',
    ),
)

_GRAPHQL = (
    *(b"{", b"}", b"(", b")", b"[", b"]", b":", b"!", b"...", b"@", b"$n", b"=", b"|", b"&", b'"""', b'"', b"#", b"\n"),
    *(b"query ", b"mutation ", b"subscription ", b"fragment F on ", b"...F ", b"... on ", b"on ", b"null ", b"true "),
    *(b"applications ", b"data ", b"eventAPIs(first: 5) ", b"id ", b"__schema ", b"__typename ", b"types ", b"fields "),
    *(b"(first: 200) ", b"addEventAPI", b"EventAPIDefinition ", b"@skip(if: true) ", b"@include(if: $n) ", b"a: "),
    *(b"\\u0000", b"\\u{110000}", b"\\ud800", b"1e400", b"-0", b"9" * 400, b"{" * 50, b"}" * 50, b"\xef\xbb\xbf"),
)

TARGETS = {
    "filters": Target(check=texts.any_filter, watched=(grammar, lexer, event_filter, attributes), words=_FILTER),
    "json": Target(check=texts.any_json, watched=(json_text,), words=_JSON),
    "header_values": Target(
        check=texts.any_header_value,
        watched=(header_text,),
        words=(b"%41", b"%", b"%C3%A9", b'"', b'\\"', b"\\", b"%25"),
    ),
    "requests": Target(
        check=envelopes.any_request,
        watched=(http_binding, cloudevent, attributes, header_text),
        words=(*_REQUEST, *_JSON),
    ),
    "legacy": Target(
        check=envelopes.any_legacy, watched=(onap, onap_reading, onap_texts, attributes), words=(*_LEGACY, *_JSON)
    ),
    "kyma": Target(check=envelopes.any_kyma, watched=(legacy_events, attributes), words=(*_KYMA, *_JSON)),
    "graphql": Target(check=queries.any_graphql, watched=(graphql_bounds, documents), words=_GRAPHQL),
    "urls": Target(check=wires.any_url, watched=(guard,), words=_URL),
    "retry_after": Target(check=wires.any_retry_after, watched=(outcome, retry), words=_WAIT),
    "answers": Target(check=wires.any_answer, watched=(challenge, pace, sender), words=(*_ANSWER, *_JSON)),
    "tokens": Target(check=wires.any_token, watched=(tokens,), words=(*_TOKEN, *_JSON)),
    "bodies": Target(check=wires.any_body, watched=(signing,), words=_JSON),
}
