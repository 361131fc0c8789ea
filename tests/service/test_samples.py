"""The verification samples of `/docs`, each in its own language, against requests that the real sender has sent."""

import base64
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from delivery.wire import challenge, parcels, signing
from delivery.wire.parcels import Parcel
from delivery.wire.sender import Destination
from service.api import reference
from tests.delivery.wire.attempts import BODY, EVENT, WEBHOOK, opened
from tests.receiver import Receiver

QUESTION = "8cbecfea-d708-4706-bba3-669225084a10"

# Each reads cases as JSON and prints, for each, what the three functions answer.
PYTHON = """
import base64, json, sys
import verify
def asked(case):
    given = case["secrets"], case["headers"], base64.b64decode(case["body"])
    answer = verify.challenge_answer(case["secrets"][0], given[2])
    return [verify.verify_hpe(*given), verify.verify_standard(*given, tolerance=case["tolerance"]), answer and json.loads(answer)]
print(json.dumps([asked(case) for case in json.load(sys.stdin)]))
"""
JAVASCRIPT = """
import { readFileSync } from "node:fs";
import { challengeAnswer, verifyHpe, verifyStandard } from "./verify.mjs";
const asked = ({ secrets, headers, body: text, tolerance }) => {
  const body = Buffer.from(text, "base64");
  const answer = challengeAnswer(secrets[0], body);
  return [verifyHpe(secrets, headers, body), verifyStandard(secrets, headers, body, tolerance), answer && JSON.parse(answer)];
};
console.log(JSON.stringify(JSON.parse(readFileSync(0)).map(asked)));
"""
GO = """
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"sample/hooklake"
)

func main() {
	var cases []struct {
		Secrets   []string
		Headers   map[string]string
		Body      []byte
		Tolerance int
	}
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		panic(err)
	}
	answers := [][]any{}
	for _, asked := range cases {
		headers := http.Header{}
		for name, value := range asked.Headers {
			headers.Set(name, value)
		}
		standard := hooklake.VerifyStandard(asked.Secrets, headers, asked.Body, time.Duration(asked.Tolerance)*time.Second)
		answer := json.RawMessage(hooklake.ChallengeAnswer(asked.Secrets[0], asked.Body))
		answers = append(answers, []any{hooklake.VerifyHPE(asked.Secrets, headers, asked.Body), standard, answer})
	}
	text, _ := json.Marshal(answers)
	fmt.Println(string(text))
}
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a receiver knows and what it got."""

    secrets: tuple[str, ...]
    headers: dict[str, str]
    body: bytes
    tolerance: int = 300


@pytest.fixture
async def received() -> tuple[Case, Case]:
    """An event and a challenge as they arrived, signed with `first` and `second`."""
    question = challenge.event(challenge=QUESTION, event_id=str(EVENT), workspace_id="0" * 32, now=datetime.now(UTC))
    json_type = (("Content-Type", "application/json"),)
    sent = [
        parcels.single(event=EVENT, body=BODY, content_mode="json"),
        Parcel(id=str(EVENT), body=question, headers=json_type),
    ]
    async with Receiver() as receiver, opened(receiver.ca) as sender:
        to = Destination(webhook=WEBHOOK, url=receiver.url(), secrets=("first", "second"), authorization=None)
        for parcel in sent:
            await sender.send(parcel, to, deadline=10)
        event, asked = (
            Case(
                secrets=("first",),
                headers={name.lower(): value for name, value in request.headers},
                body=request.body,
            )
            for request in receiver.requests
        )
    return event, asked


@pytest.mark.parametrize("language", ["python", "node", "go"])
def test_samples_verify_live_deliveries(language: str, received: tuple[Case, Case], tmp_path: Path) -> None:
    """Either live secret verifies in both ways; a wrong one, another body, and an old time do not; the challenge is met."""
    event, asked = received
    bare = {name: value for name, value in event.headers.items() if "signature" not in name}
    proof = {"verification": signing.answer("first", QUESTION)}
    cases = [
        (event, [True, True, None]),
        (replace(event, secrets=("second",)), [True, True, None]),
        (replace(event, secrets=("other", "second")), [True, True, None]),
        (replace(event, secrets=("other",)), [False, False, None]),
        (replace(event, body=event.body.replace(b"1.0", b"1")), [False, False, None]),
        (replace(event, headers=bare), [False, False, None]),
        (replace(event, headers=event.headers | {"webhook-id": "another"}), [True, False, None]),
        (replace(event, tolerance=-1), [True, False, None]),
        (asked, [True, True, proof]),
        # The same question in the content mode onap, and signed in another.
        (replace(asked, body=parcels.single(EVENT, asked.body, content_mode="onap").body), [False, False, proof]),
        *((replace(event, body=body), [False, False, None]) for body in (b"", b"\xff", b"null", b"[1]", b'{"type":1}')),
    ]

    answers = _run(language, tmp_path, [case for case, _ in cases])

    assert answers == [expected for _, expected in cases]


def _run(language: str, folder: Path, cases: list[Case]) -> Any:
    program = sys.executable if language == "python" else shutil.which(language)
    if program is None:
        pytest.skip(f"{language} is not installed")
    commands = {"python": ["main.py"], "node": ["main.mjs"], "go": ["run", "."]}
    for _, name in reference.SAMPLES:
        path = folder / ("hooklake" if name.endswith(".go") else "") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(reference.sample(name))
    for name, text in {
        "main.py": PYTHON,
        "main.mjs": JAVASCRIPT,
        "main.go": GO,
        "go.mod": "module sample\n\ngo 1.19\n",
    }.items():
        (folder / name).write_text(text)
    given = [vars(case) | {"body": base64.b64encode(case.body).decode()} for case in cases]
    done = subprocess.run(
        [program, *commands[language]], input=json.dumps(given), cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
