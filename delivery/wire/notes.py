"""What is noted of an exchange beside its answer: what was asked, who was dialled, and how long each step took.

Which clock readings there are is left to `dialling` and `exchange`; who may see a peer's address, to those who show it.
"""

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from delivery.wire.dialling import Dial


class WireNotes(msgspec.Struct, frozen=True, kw_only=True, array_like=True, omit_defaults=True):
    """One exchange; kept with its attempt as a JSON array, so that later releases add at its end and read what is there.

    Durations are microseconds. None: that step did not end, or was not taken, as on a connection that was kept.
    """

    method: str
    #: The URL of that time, as it was registered.
    url: str
    #: The address that was dialled, empty for none; of an inside network too, so that not everybody may see it.
    address: str = ""
    port: int = 0
    #: It was dialled through the operator's proxy: `connected` holds the way through it.
    proxied: bool = False
    #: The connection had been kept since an exchange before.
    kept: bool = False
    #: Until the process had room for one more connection.
    waited: int | None = None
    looked_up: int | None = None
    connected: int | None = None
    secured: int | None = None
    #: From the request's first byte to the answer's.
    answered: int | None = None
    #: Until when the certificate holds that the receiver showed, in seconds since 1970; of a new connection with TLS.
    certificate_until: int | None = None
    #: The content mode of what was sent, where its headers do not tell it (`onap`).
    content_mode: str = ""


def of(method: str, url: str, dial: "Dial", *, content_mode: str = "") -> WireNotes:
    """The notes of an exchange that has ended, however it did."""
    peer = dial.peer or ("", 0)
    return WireNotes(
        method=method,
        url=url,
        address=str(peer[0]),
        port=int(peer[1]),
        proxied=bool(dial.proxy),
        kept=dial.kept,
        waited=_between(dial.began_at, dial.dialled_at),
        looked_up=_between(dial.dialled_at, dial.looked_up_at),
        connected=_between(dial.looked_up_at, dial.reached_at),
        secured=_between(dial.reached_at, dial.secured_at),
        answered=_between(dial.asked_at, dial.answered_at),
        certificate_until=dial.certificate_until,
        content_mode=content_mode,
    )


def read(kept: bytes | None) -> WireNotes | None:
    """Those of a record; None where it was written by a release that noted nothing."""
    return None if kept is None else msgspec.json.decode(kept, type=WireNotes)


def _between(earlier: float, later: float) -> int | None:
    return round((later - earlier) * 1e6) if earlier and later else None
