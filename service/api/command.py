"""An operation of the contract as the command line that asks for it, to be pasted into a shell.

What stands for a value there is a variable of the shell: `$TOKEN`, and each parameter's name.
"""

import re
import shlex

import msgspec

from service.api.contract.shapes import Json

FORM = "application/x-www-form-urlencoded"


def curl(url: str, method: str, path: str, operation: Json, example: object) -> str:
    """`curl ...`, a line for each part; `example` is the body, None: there is none."""
    asked = "&".join(
        f"{each['name']}=${each['name']}"
        for each in operation.get("parameters", [])
        if each["in"] == "query" and each["required"]
    )
    target = url + re.sub(r"\{(\w+)\}", r"$\1", path) + (f"?{asked}" if asked else "")
    plain = method == "GET" or (method == "POST" and example is not None)
    parts = [f'curl -sS "{target}"' if plain else f'curl -sS -X {method} "{target}"']
    if operation.get("security") != []:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if isinstance(example, dict) and FORM in operation["requestBody"]["content"]:
        parts += [f"-d {shlex.quote(f'{name}={value}')}" for name, value in example.items()]
    elif example is not None:
        media_type = next(iter(operation["requestBody"]["content"]))
        parts += [f"-H 'Content-Type: {media_type}'", f"-d {shlex.quote(msgspec.json.encode(example).decode())}"]
    return " \\\n  ".join(parts)
