"""Consent to CloudEvents senders that deliver to the publishing paths as to any webhook (CloudEvents http-webhook 1.0).

Who may publish is left to tokens: consent opens nothing, it keeps such a sender from refusing to send.
The rule is cloudevents.md W11.
"""

from starlette.requests import Request
from starlette.responses import Response

from service.api import reading
from service.services import services_of

ALLOW = "OPTIONS, POST"
#: For senders that cannot send a header of their own; `auth.py` reads it.
TOKEN = "access_token"


async def options(request: Request) -> Response:
    """OPTIONS of a publishing path: whether the sender that names itself may send, and how many requests a minute."""
    settings = services_of(request).settings
    named = request.headers.get("webhook-request-origin", "").strip().lower()
    # As it was configured: no header of ours is made of what a request said.
    granted = next((each for each in settings.publish_origins if each == "*" or each.lower() == named), None)
    if not named or granted is None:
        return Response(status_code=204, headers={"Allow": ALLOW})
    # An event is a request at least, so the events of a minute are a rate that holds.
    rate = str(settings.publish_per_minute or "*")
    return Response(headers={"Allow": ALLOW, "WebHook-Allowed-Origin": granted, "WebHook-Allowed-Rate": rate})


def only(request: Request) -> None:
    """Raises Refused for a query of a publication that holds anything but a token, or a token where none is taken."""
    reading.only(request, {TOKEN: False} if services_of(request).settings.publish_origins else {})
