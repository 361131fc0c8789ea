"""What the audit says of what it was told; asking is left to `make audit`, for it needs the network."""

import json

import pytest

from deploy import audit

SAFE = {"name": "one", "version": "1.0", "vulns": []}
WORSE = {"name": "two", "version": "2.0", "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["2.1"]}]}
UNFIXED = {"name": "three", "version": "3.0", "vulns": [{"id": "PYSEC-2026-2", "fix_versions": []}]}
STRANGE = {"name": "four", "skip_reason": "Dependency not found on PyPI and could not be audited: four (4.0)"}


@pytest.mark.parametrize(
    ("packages", "status", "said"),
    [
        ([SAFE], 0, ["1 packages audited, 0 known vulnerabilities."]),
        ([SAFE, WORSE], 1, ["two 2.0: PYSEC-2026-1, fixed in 2.1"]),
        ([UNFIXED], 1, ["three 3.0: PYSEC-2026-2, fixed in no release yet"]),
        ([SAFE, STRANGE], 2, ["1 packages audited, 0 known", "Nothing is known of 1 packages (four)"]),
        ([WORSE, STRANGE], 1, ["PYSEC-2026-1", "(four)"]),
        (
            [STRANGE] * 20,
            2,
            ["0 packages audited", "of 20 packages (four, four, four, four, four, four, four, four, ...)"],
        ),
        ([], 2, ["0 packages audited"]),
    ],
    ids=["safe", "vulnerable", "unfixed", "in part unknown", "both", "a mirror", "empty"],
)
def test_only_what_was_asked_about_is_safe(packages: list[object], status: int, said: list[str]) -> None:
    """Safe is only what was asked about; what the service does not know is not."""
    ended, lines = audit.verdict(json.dumps({"dependencies": packages, "fixes": []}), "")

    assert ended == status
    assert all(any(sentence in line for line in lines) for sentence in said), lines


@pytest.mark.parametrize("output", ["", "No known vulnerabilities found", "[]", "{}"])
def test_an_audit_that_could_not_be_made(output: str) -> None:
    """Without an answer it says so in a sentence with the last line of the trouble, and is neither good nor bad."""
    status, lines = audit.verdict(
        output, "Traceback ...\n  File ...\nrequests.ConnectionError: Failed to resolve a name\n"
    )

    assert status == 2
    assert lines == [
        "The audit could not be made; is the advisory service of the Python Package Index reachable? "
        "requests.ConnectionError: Failed to resolve a name"
    ]
