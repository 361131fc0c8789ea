"""The handshake's question and its judgement, as tables."""

import base64
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from delivery.wire import challenge
from delivery.wire.challenge import Unverified, Verified
from delivery.wire.sender import Failure, FailureKind, Reply
from subscriptions.events.event import Naming

CHALLENGE = "8cbecfea-d708-4706-bba3-669225084a10"
PROOF = "085b6a2ea9034fa67de9bba59e667a0bf63c341e7d50ab8015567205cf736e3d"
SECRETS = ("s3cr3tKey", "another")
WRONG = Unverified(reason="HMAC validation failed. Please verify webhook secret.")


def reply(body: bytes, status: int = 200) -> Reply:
    return Reply(status=status, headers=(), body=body, truncated=False)


def test_the_question_is_the_captured_one() -> None:
    """Byte for byte the body that was captured from the live service (greenlake.md 2, D.1)."""
    body = challenge.event(
        challenge=CHALLENGE,
        event_id="9d2698f2-0dd4-4870-b026-7e18c755e121",
        workspace_id="3009de2825f211ec8a84fedebcb4a754",
        now=datetime(2024, 12, 12, 21, 9, 5, 987654, tzinfo=timezone(timedelta(hours=2))),
    )

    assert body.decode() == (
        '{"data":{"challengeRequest":"8cbecfea-d708-4706-bba3-669225084a10"},"datacontenttype":"application/json",'
        '"id":"9d2698f2-0dd4-4870-b026-7e18c755e121","source":"https://global.api.greenlake.hpe.com/events",'
        '"specversion":"1.0","subject":"3009de2825f211ec8a84fedebcb4a754","time":"2024-12-12T19:09:05Z",'
        '"type":"com.hpe.greenlake.events.v1beta1.webhooks.verification"}'
    )


def test_prefix_and_host_are_settings() -> None:
    """Another deployment asks in its own name (greenlake.md D.10)."""
    naming = Naming(prefix="org.example", host="api.example.org")

    body = challenge.event(challenge="c", event_id="i", workspace_id="w", now=datetime.now(UTC), naming=naming)

    assert b'"source":"https://global.api.example.org/events"' in body
    assert b'"type":"org.example.events.v1beta1.webhooks.verification"' in body


@pytest.mark.parametrize(
    "answer",
    [
        reply(b'{"verification":"%s"}' % PROOF.encode()),
        reply(b'{"httpStatusCode":"201","verification":"%s"}\n' % PROOF.encode(), 201),
        reply(b'{"verification":"%s","nested":{"a":[1]}}' % PROOF.upper().encode(), 202),
        reply(b'\xef\xbb\xbf{"verification":"%s"}' % PROOF.encode()),
    ],
)
def test_a_right_answer_verifies(answer: Reply) -> None:
    """Any 2xx, other keys, white space, either case and a byte-order mark are fine."""
    assert challenge.judge(answer, challenge=CHALLENGE, secrets=SECRETS) == Verified()


def test_the_secondary_secret_verifies_too() -> None:
    """During a rotation the receiver may know either secret."""
    judged = challenge.judge(
        reply(b'{"verification":"%s"}' % PROOF.encode()), challenge=CHALLENGE, secrets=SECRETS[::-1]
    )

    assert judged == Verified()


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ("", "is empty"),
        ("ü", "is another text, of 1 characters"),
        (PROOF[:-1], "has 63 hexadecimal digits"),
        (PROOF * 2, "has 128 hexadecimal digits"),
        (f"sha256={PROOF}", "begins with sha256=, which belongs to signatures alone"),
        (base64.b64encode(bytes.fromhex(PROOF)).decode(), "looks like base64"),
        (base64.urlsafe_b64encode(bytes.fromhex(PROOF)).decode().rstrip("="), "looks like base64"),
    ],
)
def test_a_misshapen_answer_is_told_its_form(given: str, what: str) -> None:
    """What cannot be an HMAC whatever the secret is, is told what it looks like, after the literal reason of greenlake.md 1.3."""
    judged = challenge.judge(reply(msgspec.json.encode({"verification": given})), challenge=CHALLENGE, secrets=SECRETS)

    said = f"{challenge.WRONG_ANSWER} The answer {what}; an HMAC-SHA256 is 64 hexadecimal digits."
    assert judged == Unverified(reason=said)


@pytest.mark.parametrize("given", ["0" * 64, PROOF[:-1] + "0", PROOF[:-1].upper() + "1", PROOF[::-1]])
def test_a_wrong_answer_names_the_secret(given: str) -> None:
    """An HMAC that is wrong has the literal reason and nothing else, however near it comes."""
    assert given.lower() != PROOF
    judged = challenge.judge(reply(b'{"verification":"%s"}' % given.encode()), challenge=CHALLENGE, secrets=SECRETS)

    assert judged == WRONG


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "with an empty body"),
        (b" \r\n", "with an empty body"),
        (b"ok", "with what is not JSON"),
        (b"<html></html>", "with what is not JSON"),
        (PROOF.encode(), "with what is not JSON"),
        (b'{"verification":"\xff"}', "with what is not JSON"),
        (b"[" * 5000, "with JSON that holds no `verification` as a text"),
        (b"{}", "with JSON that holds no `verification` as a text"),
        (b'{"verification":null}', "with JSON that holds no `verification` as a text"),
        (b'{"verification":1}', "with JSON that holds no `verification` as a text"),
        (b'["%s"]' % PROOF.encode(), "with JSON that holds no `verification` as a text"),
    ],
)
def test_an_answer_without_an_hmac_has_its_own_words(body: bytes, what: str) -> None:
    """The secret is not to blame for what holds no proof at all: the reason says what came, and what is expected."""
    judged = challenge.judge(reply(body, 202), challenge=CHALLENGE, secrets=SECRETS)

    expected = '; expected is {"verification": "<HMAC of challengeRequest, in hex>"}'
    assert judged == Unverified(reason=f"The challenge was answered 202 Accepted {what}{expected}")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            reply(b'{"verification":"%s"}' % PROOF.encode(), 302),
            "the destination answered 302 Found: redirects are not followed",
        ),
        (reply(b"", 404), "the destination answered 404 Not Found"),
        (reply(b"", 599), "the destination answered 599"),
        (reply(b"", 401), f"the destination answered 401 Unauthorized{challenge.UNBELIEVED}"),
        (reply(b"", 403), f"the destination answered 403 Forbidden{challenge.UNBELIEVED}"),
        (
            Failure(kind=FailureKind.refused, cause="connection refused by 10.1.2.3:443"),
            "connection refused by 10.1.2.3:443",
        ),
    ],
)
def test_an_unreached_destination_says_why(answer: Reply | Failure, error: str) -> None:
    """Everything but a 2xx is `Webhook URL unreachable`, with the cause."""
    judged = challenge.judge(answer, challenge=CHALLENGE, secrets=SECRETS)

    assert judged == Unverified(reason=f"Webhook URL unreachable. error: {error}")


def test_without_secrets_nothing_verifies() -> None:
    """No secret, no proof."""
    given = reply(b'{"verification":"%s"}' % PROOF.encode())

    assert challenge.judge(given, challenge=CHALLENGE, secrets=()) == WRONG
