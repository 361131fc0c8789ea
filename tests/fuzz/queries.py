"""What must hold of any text that is sent as a request of GraphQL."""

import pickle
import re

from graphql import print_ast

from service.graphql import documents
from service.graphql.bounds import RequestLimits
from service.graphql.documents import PreparedRequest, prepare

CODES = {
    *(documents.UNREADABLE, documents.INVALID, documents.TOO_DEEP, documents.TOO_COSTLY, documents.NO_OPERATION),
}
LIMITS = RequestLimits()
_DETAIL = re.compile(r"'.*?'|\".*?\"|[\d,]+", re.DOTALL)


def any_graphql(raw: bytes) -> str:
    """Refused in sentences with a code, or a request that says the same when written anew, and travels between processes."""
    prepared = prepare(raw.decode(errors="replace"), None, {"n": 5}, LIMITS)
    if isinstance(prepared, PreparedRequest):
        written = print_ast(prepared.document)
        assert print_ast(pickle.loads(pickle.dumps(prepared)).document) == written
        again = prepare(written, None, {"n": 5}, LIMITS)
        assert isinstance(again, PreparedRequest), again
        assert (again.changes, again.of_schema) == (prepared.changes, prepared.of_schema)
        return f"good {prepared.changes} {prepared.of_schema}"
    assert 0 < len(prepared) <= documents.FAULTS + 1
    for each in prepared:
        assert each["message"]
        assert len(each["message"]) <= documents.LONGEST
        assert each["extensions"]["code"] in CODES
    said = _DETAIL.sub("_", prepared[0]["message"]).split()
    return " ".join([prepared[0]["extensions"]["code"], *said[:4]])
