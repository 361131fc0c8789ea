"""What delivery adds to the family of errors; the rest of the tree stands in `subscriptions/errors.py`.

How a try that failed is worded and what follows from it is left to `wire/sender.py` and `judgement`.
"""

from subscriptions.errors import HooklakeError


class Blocked(HooklakeError):
    """A destination's name led to an address that may not be dialled; no connection was begun."""

    def __init__(self, address: str, host: str) -> None:
        # A link-local address may carry its zone after a %.
        of_name = "" if address.partition("%")[0] == host else f" (of name {host})"
        super().__init__(f"{address}{of_name} is not a public address")
        self.address = address
        self.host = host
