"""`make audit`: whether the packages of requirements.lock have known vulnerabilities, as pip-audit and PyPI's advisories say.

Not part of the gate: what is published tomorrow is no fault of what was written today. Newer releases are left to `make lock`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
#: In an environment of its own: the fourteen packages that it brings are none of ours.
AUDITOR = "pip-audit==2.10.1"
#: Exit statuses beside 0; what could not be asked is not said to be safe.
VULNERABLE, UNKNOWN = 1, 2
#: Names of unknown packages that are printed.
NAMED = 8


def command() -> list[str]:
    """Reads the lock as it is, without resolving anything, and reports in JSON."""
    uv = Path(sys.executable).with_name("uv")
    asked = ("--require-hashes", "--disable-pip", "--requirement", str(LOCK), "--format", "json")
    return [str(uv), "tool", "run", "--quiet", AUDITOR, *asked, "--progress-spinner", "off", "--timeout", "15"]


def verdict(output: str, errors: str) -> tuple[int, list[str]]:
    """The exit status and what to say, from what pip-audit wrote.

    It answers 0 where its service knows none of the packages, as a mirror without advisories does; here that is UNKNOWN.
    """
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        cause = (errors.strip().splitlines() or ["it said nothing"])[-1][:300]
        return UNKNOWN, [
            f"The audit could not be made; is the advisory service of the Python Package Index reachable? {cause}"
        ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    found = [_sentence(package, known) for package in packages for known in package.get("vulns", ())]
    said = [f"{len(packages) - len(unknown)} packages audited, {len(found)} known vulnerabilities.", *found]
    if unknown or not packages:
        names = ", ".join(unknown[:NAMED]) + (", ..." if len(unknown) > NAMED else "")
        said.append(
            f"Nothing is known of {len(unknown)} packages ({names}): the service that answered has no advisories of them. "
            "Behind a mirror of PyPI, run this where the index itself is reachable."
        )
    return VULNERABLE if found else UNKNOWN if unknown or not packages else 0, said


def _sentence(package: dict[str, Any], known: dict[str, Any]) -> str:
    fixed = ", ".join(known.get("fix_versions") or ()) or "no release yet"
    return f"{package['name']} {package['version']}: {known['id']}, fixed in {fixed}"


def main() -> int:
    """Asks, prints, and answers the exit status."""
    try:
        done = subprocess.run(command(), capture_output=True, text=True, check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"The audit could not be made: {error}")
        return UNKNOWN
    status, said = verdict(done.stdout, done.stderr)
    print(*said, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
