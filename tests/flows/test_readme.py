"""The README is pasted and works: its subscriber, its shell session, and its verification in JavaScript."""

import asyncio
import base64
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import trustme

from delivery.wire import signing
from deploy.local import Stack
from deploy.stores import free_port
from tests import canaries

#: The fenced blocks of the README, by language, in order.
README = Path(__file__).parents[2] / "README.md"
LANGUAGES: dict[str, list[str]] = {"python": [], "sh": [], "js": []}
for language, text in re.findall(r"^```(\w+)\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE):
    LANGUAGES[language].append(text)

#: Runs the README's JavaScript over what the README's subscriber kept of a delivery.
JUDGE = """
const { verified } = require("./verified.js");
const told = JSON.parse(require("node:fs").readFileSync("kept.json"));
const body = Buffer.from(told.body, "base64");
const altered = Buffer.concat([body, Buffer.from(" ")]);
console.log(JSON.stringify([body, altered].map((each) => verified(told.headers, each, "a-shared-secret"))));
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with canaries.directory() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack() -> AsyncIterator[Stack]:
    # As `make run` starts it, beside whatever else runs on this machine.
    with canaries.directory() as directory:
        stack = Stack(data_dir=directory / ".hooklake", port=0, environ={}, say=lambda _line: None)
        try:
            await stack.start()
            yield stack
        finally:
            await stack.stop()


@pytest.fixture
def checkout(stack: Stack, home: Path) -> Path:
    """Where one stands beside the stack that runs, with no other files."""
    (home / ".hooklake").symlink_to(stack.data_dir)
    return home


@pytest.mark.asyncio(loop_scope="module")
async def test_the_session_from_token_to_delivery_works_when_pasted(checkout: Path) -> None:
    """A newcomer pastes the README's blocks in order: a webhook ACTIVE, an event delivered, recorded, erased; `tls` taken."""
    port = str(free_port())
    _certify(checkout)
    (checkout / "subscriber.py").write_text(LANGUAGES["python"][0].replace("9000", port))
    session = "\n".join(LANGUAGES["sh"]).replace("127.0.0.1:9000", f"127.0.0.1:{port}")
    subscriber = await asyncio.create_subprocess_exec(
        sys.executable, "subscriber.py", cwd=checkout, stdout=asyncio.subprocess.PIPE
    )
    assert subscriber.stdout is not None
    try:
        shell = await asyncio.create_subprocess_exec(
            "bash", "-eu", "-c", session, cwd=checkout, stdout=asyncio.subprocess.PIPE
        )
        said = (await asyncio.wait_for(shell.communicate(), 60))[0].decode()
        arrived = (await asyncio.wait_for(subscriber.stdout.readline(), 20)).decode()
    finally:
        subscriber.kill()
        await subscriber.wait()

    assert shell.returncode == 0
    assert said.startswith("ACTIVE\n")
    assert '"duplicate":false' in said
    assert '"httpResponseCode": 200' in said
    assert "{'caBundle': [{'subject': " in said
    assert "\nTrue\n" in said  # erased
    assert '"jobId":' in said
    assert arrived.startswith("com.hpe.greenlake.audit-log.v1.logs.created login-4711 ")


@pytest.mark.asyncio(loop_scope="module")
async def test_the_session_pasted_again_stops_where_it_is_refused(checkout: Path) -> None:
    """A name that is taken, and files that are missing, are a sentence each, and what depends on them asks for nothing."""
    blocks = "\0".join(LANGUAGES["sh"][:-2]).replace("127.0.0.1:9000", f"127.0.0.1:{free_port()}")
    # Of its own, for the other session is pasted beside the same stack; and nobody is there to be waited for.
    blocks = blocks.replace("my-handler", "my-second").replace("login-4711", "login-4712").replace("sleep 2", "sleep 0")
    token, register, *_ = blocks.split("\0")
    session = blocks.replace("\0", "\n")

    async def pasted(text: str) -> list[str]:
        # As a shell takes what is typed: an error ends a command, not the session.
        shell = await asyncio.create_subprocess_exec(
            *("bash", "--norc", "-i"),
            cwd=checkout, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "PS1": "", "PS2": ""}, start_new_session=True,
        )  # fmt: skip
        return (await asyncio.wait_for(shell.communicate(text.encode()), 60))[0].decode().splitlines()

    await pasted(f"{token}\n{register}")
    again = await pasted(session)

    told = "\n".join(again)
    assert "Traceback" not in told
    assert told.count("is empty: register the webhook first") == 3, told
    assert "authority.pem cannot be read (No such file or directory): put the three files here first" in told
    assert not [line for line in again if "subscription" in line or '"resourceUri": ""' in line], told


LEGAL = [
    (b'{"specversion":"1.0","id":"1","source":"/s","type":"t"}', {}, b"t 1 null"),
    (b'{"specversion":"1.0","id":"2","source":"/s","type":"t","data_base64":"AQI="}', {}, b't 2 "AQI="'),
    (b'[{"specversion":"1.0","id":"3","source":"/s","type":"t","data":[1.0]}]', {}, b"t 3 [1.0]"),
    (b"\x00\xff", {"ce-type": "t", "ce-id": "4", "Content-Type": "image/png"}, b"t 4 "),
    (b'{"a": 1}', {"ce-type": "t", "ce-id": "5", "Content-Type": "application/json"}, b't 5 {"a": 1}'),
]


async def test_the_handler_takes_whatever_is_legal(home: Path) -> None:
    """Events without data or with bytes, arrays and binary mode are answered 200; what is not signed is answered 401."""
    port = free_port()
    (home / "subscriber.py").write_text(LANGUAGES["python"][0].replace("9000", str(port)))
    subscriber = await asyncio.create_subprocess_exec(
        sys.executable, "subscriber.py", cwd=home, stdout=asyncio.subprocess.PIPE
    )
    assert subscriber.stdout is not None
    transport = httpx.AsyncHTTPTransport(retries=10)  # until it listens
    try:
        async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
            for body, headers, printed in LEGAL:
                signed = signing.sign(body, parcel_id="one", secrets=["a-shared-secret"], now=datetime.now(UTC))
                answer = await client.post("/hook", content=body, headers={**headers, **dict(signed)})
                line = await asyncio.wait_for(subscriber.stdout.readline(), 20)
                assert (answer.status_code, line[: len(printed)]) == (200, printed)
            strange = await client.post("/hook", content=b"")
    finally:
        subscriber.kill()
        await subscriber.wait()

    assert strange.status_code == 401


@pytest.mark.parametrize(
    ("answer", "status", "out", "err"),
    [
        ('{"id": "x"}', 0, "x\n", ""),
        ('{"httpStatusCode": 409, "message": "name: is in use"}', 1, "", "name: is in use\n"),
        ('{"error": "invalid_client", "error_description": "its secret is another"}', 1, "", "its secret is another\n"),
        ("", 1, "", "no answer\n"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_api(answer: str, status: int, out: str, err: str) -> None:
    """Whoever pastes the session, and is refused, reads why."""
    define = re.search(r"^field\(\) .*?^}$", "\n".join(LANGUAGES["sh"]), re.DOTALL | re.MULTILINE)
    assert define is not None

    done = subprocess.run(
        ["bash", "-c", f"{define[0]}\nfield id"], input=answer, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (status, out, err)


async def test_a_port_that_is_taken_is_one_sentence(home: Path) -> None:
    """Whoever starts the subscriber twice, or beside something else on its port, is told so and not shown a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        (home / "subscriber.py").write_text(LANGUAGES["python"][0].replace("9000", port))
        done = await asyncio.create_subprocess_exec(
            sys.executable, "subscriber.py", cwd=home, stderr=asyncio.subprocess.PIPE
        )
        err = (await asyncio.wait_for(done.communicate(), 20))[1].decode()

    assert (done.returncode, err.count("\n")) == (1, 1)
    assert err.startswith(f"Port {port} cannot be listened on (Address already in use): ")


@pytest.mark.parametrize("there", [True, False])
def test_the_data_directory_may_be_elsewhere(home: Path, there: bool) -> None:
    """The session finds the credentials where HOOKLAKE_DATA_DIR has the stack keep them, and says where it looked in vain."""
    kept = home / "elsewhere" / "credentials.json"
    kept.parent.mkdir()
    clients = [{"role": "viewer", "clientId": "someone", "clientSecret": "something"}]
    if there:
        kept.write_text(json.dumps({"baseUrl": "http://there", "workspaceId": "f" * 32, "clients": clients}))
    read = LANGUAGES["sh"][0].partition("field()")[0]

    done = subprocess.run(
        ["bash", "-c", f'{read}\necho "${{BASE:-}} ${{VIEWER_ID:-}}"'],
        cwd=home, env={**os.environ, "HOOKLAKE_DATA_DIR": str(kept.parent)}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.stdout == ("http://there someone\n" if there else " \n")
    assert done.stderr == (
        "" if there else f"{kept} is not there: start the stack with make run, and go to where you did\n"
    )


def test_the_handler_may_be_saved_in_the_checkout() -> None:
    """git passes it over, and so do the checks."""
    done = subprocess.run(["git", "check-ignore", "subscriber.py"], cwd=README.parent, capture_output=True, check=False)

    assert done.stdout == b"subscriber.py\n"


def _certify(home: Path) -> None:
    """The three files of the README's webhook with TLS of its own."""
    authority = trustme.CA()
    mine = authority.issue_cert("hooklake.test")
    authority.cert_pem.write_to_path(home / "authority.pem")
    mine.cert_chain_pems[0].write_to_path(home / "client.pem")
    mine.private_key_pem.write_to_path(home / "client.key")


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js on this machine")
def test_the_javascript_verification_accepts_a_delivery_and_refuses_an_altered_one(home: Path) -> None:
    """What the README gives to JavaScript programs agrees with the signature of the wire, and notices one byte more."""
    body = '{"specversion":"1.0","data":{"grade":1.0,"name":"Übung"}}'.encode()
    signed = signing.sign(body, parcel_id="one", secrets=["other", "a-shared-secret"], now=datetime.now(UTC))
    headers = {name.lower(): value for name, value in signed}
    (home / "kept.json").write_text(json.dumps({"headers": headers, "body": base64.b64encode(body).decode()}))
    (home / "verified.js").write_text(LANGUAGES["js"][0])
    told = subprocess.run(["node", "-e", JUDGE], cwd=home, capture_output=True, text=True, timeout=30)

    assert json.loads(told.stdout or "null") == [True, False]
