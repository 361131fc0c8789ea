"""Numbers that no double can hold: refused by their pointers wherever a document has them, exact where one can."""

import pytest

from subscriptions.catalogue.preparing import prepare
from subscriptions.catalogue.schemas.schema import vet
from subscriptions.events.catalogue import PREFIX
from subscriptions.ground.errors import Refused

YAML = """asyncapi: 2.6.0
info: {title: Orders, version: '1.0'}
channels:
  com.acme.order:
    subscribe:
      message:
        bindings: {http: {n: 1}}
        examples: [{payload: NUMBER}]
"""
JSON = (
    b'{"asyncapi":"2.6.0","info":{"title":"t","version":"1"},"channels":{"com.acme.order":{"subscribe":{"message":'
    b'{"examples":[{"payload":NUMBER}]}}}}}'
)
BEYOND = ("1e400", "-1E309", "1" + "0" * 309, "1" * 400 + ".5")


@pytest.mark.parametrize("number", BEYOND)
def test_beyond_a_double(number: str) -> None:
    """A schema's number, and that of an example that no schema judges, is refused with a pointer to it, in JSON and YAML."""
    where = "/channels/com.acme.order/subscribe/message/examples/0/payload"
    with pytest.raises(Refused) as schema:
        vet(b'{"properties":{"a":{"enum":["b",%b]}}}' % number.encode())
    with pytest.raises(Refused) as as_json:
        prepare(JSON.replace(b"NUMBER", number.encode()), media_type=None, by_channel=False, prefix=PREFIX)
    with pytest.raises(Refused) as as_yaml:
        prepare(YAML.replace("NUMBER", number).encode(), media_type=None, by_channel=False, prefix=PREFIX)

    assert [each.subject for each in schema.value.issues] == ["schema/properties/a/enum/1"]
    assert [each.subject for each in as_json.value.issues] == [where]
    assert where in [each.subject for each in as_yaml.value.issues]
    assert "double" in as_json.value.issues[0].description


def test_the_largest_double_is_taken() -> None:
    """What a double can hold is taken, up to the largest, integers and tiny fractions as well."""
    for number in (b"1.7976931348623157e308", b"1" + b"0" * 308, b"1e-400", b"-12345678901234567890"):
        assert number in vet(b'{"const":%b}' % number).text
        assert prepare(JSON.replace(b"NUMBER", number), media_type=None, by_channel=False, prefix=PREFIX).types
