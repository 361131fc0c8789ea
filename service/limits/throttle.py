"""How often one may name a wrong secret, or forge a token: failures of the last minute or so, by client and address and by
address alone.

Whether a secret is right is left to `subscriptions/access/access_tokens.py`, whether a token is to
`subscriptions/access/doubts.py`; the answer to whoever has to wait, to `api/tokens.py` and `problems.py`.
"""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime
from math import ceil

from service.limits.addresses import household

#: Failures that are forgiven, and how many seconds it takes until one of them is forgotten.
OF_A_CLIENT, OF_AN_ADDRESS, FORGOTTEN = 10, 50, 6.0
#: The same of a forged token, which costs a fifth of a millisecond: ten a second of an address do no harm.
TOKEN_FORGOTTEN = 0.1
#: Checks of passwords that an address may ask for at once, right ones too, and how many seconds it takes until there is room
#: for one more: each takes a tenth of a second of a core, and waits for others.
CHECKS, CHECK_FORGOTTEN = 20, 1.0
#: How many seconds it takes until a wrong password is no reason any more to let others in first.
DOUBTED = 600.0
#: Whoever is counted at once, at some 300 bytes each; with more, the one that was quiet longest starts anew.
MOST = 10_000


class Throttle:
    """Counts failed logins, or forged tokens, in the memory of this process.

    Nobody can keep others out: a client is counted where it is asked for, so a stranger who knows its id uses up the attempts
    of his own address; and a client that got a token from an address lately is not held to what others failed there, which
    is what makes an address that many share (a proxy, a gateway) bearable.
    """

    def __init__(self, most: int = MOST, forgotten: float = FORGOTTEN, *, own: bool = True) -> None:
        """`own`: whether it is held there to what failed in its own name, which of a token anybody may have forged."""
        self._pairs = _Failures(OF_A_CLIENT, most, forgotten)
        self._addresses = _Failures(OF_AN_ADDRESS, most, forgotten)
        self._welcome: OrderedDict[Hashable, None] = OrderedDict()
        self._most = most
        self._own = own

    def __len__(self) -> int:
        """How many clients and addresses are in memory."""
        return len(self._pairs) + len(self._addresses) + len(self._welcome)

    def wait(self, client: str, address: str, now: datetime) -> int:
        """Whole seconds until this client may be tried from this address again; 0: at once."""
        home = household(address)
        pair = (client, home)
        seconds = self._pairs.wait(pair, now)
        if pair in self._welcome:
            return seconds if self._own else 0
        return max(seconds, self._addresses.wait(home, now))

    def welcomes(self, client: str, address: str) -> bool:
        """Whether it was right there lately."""
        return (client, household(address)) in self._welcome

    def failed(self, client: str, address: str, now: datetime) -> None:
        """The secret was wrong, or there is no such client; or the token's signature was."""
        home = household(address)
        self._pairs.add((client, home), now)
        self._addresses.add(home, now)

    def succeeded(self, client: str, address: str) -> None:
        """The secret or the token was right."""
        pair = (client, household(address))
        self._welcome[pair] = None
        self._welcome.move_to_end(pair)
        if len(self._welcome) > self._most:
            self._welcome.popitem(last=False)


class SignIns:
    """Counts people's failed sign-ins, and checks of passwords before they are made, whatever they come to."""

    def __init__(self, most: int = MOST) -> None:
        self._failures = Throttle(most)
        self._checks = _Failures(CHECKS, most, CHECK_FORGOTTEN)
        self._doubts = _Failures(1, most, DOUBTED)

    def begin(self, whom: str, address: str, now: datetime) -> int:
        """Whole seconds until this password may be checked; 0: at once, and it is counted."""
        home = household(address)
        seconds = max(self._failures.wait(whom, address, now), self._checks.wait(home, now))
        if not seconds:
            self._checks.add(home, now)
        return seconds

    def doubt(self, whom: str, address: str, now: datetime) -> int:
        """How many were wrong from that household lately, and 0 for who was right there: others' wrong ones keep nobody out whose
        password is right, for among those who wait for a check the ones with the least doubt come first."""
        if self._failures.welcomes(whom, address):
            return 0
        return 1 + self._doubts.number(household(address), now)

    def failed(self, whom: str, address: str, now: datetime) -> None:
        """It was wrong."""
        self._failures.failed(whom, address, now)
        self._doubts.add(household(address), now)

    def succeeded(self, whom: str, address: str) -> None:
        """It was right."""
        self._failures.succeeded(whom, address)


class _Failures:
    """Failures that leak away one by one, as water out of a bucket: one number for each, the moment when it is empty."""

    def __init__(self, forgiven: int, most: int, forgotten: float) -> None:
        self._forgiven = forgiven
        self._forgotten = forgotten
        self._most = most
        #: Seconds since 1970; the one that failed last stands last.
        self._empty_at: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._empty_at)

    def wait(self, key: Hashable, now: datetime) -> int:
        over = self._empty_at.get(key, 0.0) - now.timestamp() - (self._forgiven - 1) * self._forgotten
        return max(0, ceil(over))

    def number(self, key: Hashable, now: datetime) -> int:
        """How many are not forgotten."""
        return max(0, ceil((self._empty_at.get(key, 0.0) - now.timestamp()) / self._forgotten))

    def add(self, key: Hashable, now: datetime) -> None:
        self._empty_at[key] = max(self._empty_at.pop(key, 0.0), now.timestamp()) + self._forgotten
        if len(self._empty_at) > self._most:
            self._empty_at.popitem(last=False)
