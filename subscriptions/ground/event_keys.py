"""The keys of events: uuid7 of the followed clock's moment, made when an event is accepted, and what they say of it.

Which columns hold keys is left to those who own the tables. The rule is protocol.md 1.1.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from uuid_utils.compat import uuid7

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
#: The version and variant bits of a uuid7 (RFC 9562 5.7).
_VERSION = 0x7 << 76 | 0x2 << 62
#: The twelve bits behind the time.
_COUNTER = 0xFFF << 64


def new(now: datetime) -> UUID:
    """A new uuid7 whose time is the told moment, to the millisecond."""
    return uuid7(nanoseconds=_milliseconds(now) * 1_000_000)


def rising(now: datetime, count: int) -> list[UUID]:
    """Keys for the events of one publication, rising in the order given: that order is their order of arrival.

    The twelve bits behind the time count instead of being drawn (RFC 9562 6.2), as far as there are more than one.
    """
    keys = [new(now) for _ in range(count)]
    if count == 1:
        return keys
    return [UUID(int=key.int & ~_COUNTER | (index * 0x1000 // count) << 64) for index, key in enumerate(keys)]


def numbered(now: datetime, number: int) -> UUID:
    """A key that comes behind those of lower numbers of the same moment; 4,096 of them are told apart."""
    return UUID(int=new(now).int & ~_COUNTER | min(number, 0xFFF) << 64)


def time_of(key: UUID) -> datetime:
    """The moment a uuid7 was made, to the millisecond, in UTC."""
    return _EPOCH + (key.int >> 80) * _MILLISECOND


def floor(when: datetime) -> UUID:
    """The smallest uuid7 of that millisecond: a bound between partitions."""
    return UUID(int=_milliseconds(when) << 80 | _VERSION)


def _milliseconds(when: datetime) -> int:
    return (when - _EPOCH) // _MILLISECOND
