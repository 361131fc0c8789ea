"""What `make run` tells a newcomer once the stack runs, and the file of first credentials that it refers to.

Making the credentials is left to `python -m service.cli clients first`.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy import home
from subscriptions.ground.settings import PREFIX

#: Begins the line of a shell's file that names what the start has drawn.
DRAWN = "# Drawn by it: "
#: What is said of the dashboard's link.
LINK = "               (this link signs you in as operator, once and within an hour)"


def move(file: Path, base_url: str) -> None:
    """Rewrites the base URL in the credentials where the stack moved."""
    if not file.exists():
        return
    kept = _read(file)
    if kept and kept.get("baseUrl") != base_url:
        home.write_private(file, json.dumps({**kept, "baseUrl": base_url}, indent=2) + "\n")


def taken(file: Path) -> str:
    """What the file holds, which is gone then; empty where there is none."""
    try:
        content = file.read_text().strip()
    except FileNotFoundError:
        return ""
    file.unlink()
    return content


def text(file: Path, *, base_url: str, first: bool, link: str = "") -> str:
    """Where everything is and what to type next; secrets only on the start that made them, and a `link` that works once."""
    kept = _read(file) if file.exists() else {}
    lines = [
        "",
        "Hooklake runs.",
        "",
        f"  API          {base_url}",
        f"  Dashboard    {link or f'{base_url}/dashboard'}",
        *([LINK] if link else []),
        f"  Reference    {base_url}/docs",
        f"  Data         {file.parent}",
        f"  Logs         {file.parent / 'logs'}",
    ]
    if kept:
        lines += [f"  Credentials  {file}"]
    lines += [f"  Settings     {file.parent / 'env'}  (for a shell: `. {file.parent / 'env'}`)"]
    if kept and first:
        lines += ["", f"First credentials, in that file too. Workspace {kept['workspaceId']}", ""]
        lines += [f"  {c['role']:<11}  {c['clientId']}  {c['clientSecret']}" for c in kept["clients"]]
    if kept:
        hint = "" if first else f" (SECRET is its clientSecret in {file.name})"
        lines += ["", f"Next, in another terminal, a token for the publisher{hint}:", "", _token(kept, base_url, first)]
    lines += ["", "README.md goes on from there. Ctrl-C stops everything.", ""]
    return "\n".join(lines)


def shell(environ: Mapping[str, str], tools: Sequence[Path], drawn: Sequence[str]) -> str:
    """What a shell reads (`. .hooklake/env`) to be beside the stack: its settings, and where its programs are.

    `drawn` names the settings that nobody gave: the next start from such a shell draws them anew (`forgotten`).
    """
    settings = [f"export {name}={shlex.quote(environ[name])}" for name in sorted(environ) if name.startswith(PREFIX)]
    path = ":".join(shlex.quote(str(each)) for each in tools)
    lines = [
        "# Made by each start of the stack. It holds secrets: keep it to yourself.",
        DRAWN + " ".join(drawn),
        *settings,
    ]
    return "\n".join([*lines, f'export PATH={path}:"$PATH"', ""])


def forgotten(environ: Mapping[str, str], file: Path) -> dict[str, str]:
    """The environment without what a shell has from an earlier start of this stack, by its file: addresses that are gone."""
    if not file.exists():
        return dict(environ)
    lines = file.read_text().splitlines()
    drawn = next((line.removeprefix(DRAWN).split() for line in lines if line.startswith(DRAWN)), [])
    written = dict(shlex.split(line)[1].split("=", 1) for line in lines if line.startswith(f"export {PREFIX}"))
    return {name: value for name, value in environ.items() if name not in drawn or written.get(name) != value}


def _token(kept: dict[str, Any], base_url: str, first: bool) -> str:
    publisher = next((client for client in kept["clients"] if client["role"] == "publisher"), kept["clients"][0])
    secret = publisher["clientSecret"] if first else "SECRET"
    return (
        f"  curl -s {base_url}/authorization/v2/oauth2/{kept['workspaceId']}/token \\\n"
        f"    -d grant_type=client_credentials -d client_id={publisher['clientId']} -d client_secret={secret}"
    )


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text())
    except ValueError:
        return {}
    return kept if isinstance(kept, dict) and kept.get("clients") else {}
