"""Where transactions begin: in the stores and doors that own a use case, never in what reads requests and writes answers."""

import ast

from tests.architecture.sources import every, read

#: What begins one, or has one made again; routes have every handler made again, and nothing else does.
OPENING = {"transaction", "raw", "begin", "connect"}


def test_handlers_open_no_transaction() -> None:
    """No file of `service/api` asks the database for a connection: it asks one store or door, which does."""
    opening = [
        f"{path}:{node.lineno} {node.attr}"
        for path in every("service/api")
        for node in ast.walk(read(path))
        if isinstance(node, ast.Attribute) and node.attr in OPENING | {"database"}
    ]

    assert opening == []
