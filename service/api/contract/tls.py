"""The contract of a webhook's own TLS: what it can be told, and what it shows. Ours, and no part of GreenLake's.

Where it stands among a webhook's other fields is left to `webhooks.py`.
"""

from service.api.contract.shapes import Json, array, either, given, moment, taken, text
from subscriptions.webhooks.certificates import LONGEST

_PEM = f"In PEM, up to {LONGEST} characters; null or empty: there is none."

TOLD: Json = {
    "anyOf": [
        taken(
            {},
            {
                "caBundle": either(
                    text(maxLength=LONGEST),
                    f"Further authorities that the destination may be signed by, beside the public ones. {_PEM}",
                ),
                "clientCertificate": either(
                    text(maxLength=LONGEST),
                    "What is shown to a destination that asks for a certificate (mutual TLS): the certificate, then those that "
                    f"lead from it to an authority. Given together with `clientKey`. {_PEM}",
                ),
                "clientKey": either(
                    text(maxLength=LONGEST, writeOnly=True),
                    f"Its private key, without a password; sealed, and never shown. {_PEM}",
                ),
            },
        ),
        {"type": "null"},
    ],
    "description": "Ours: what TLS connections to the destination need beside what all have. Used for deliveries, challenges and "
    "OPTIONS, and for the token endpoint where it has the destination's scheme, host and port. In a change, what is not "
    "named stays; null takes all away.",
}

_CERTIFICATE = given(
    {
        "subject": text("As RFC 4514 writes it.", examples=["CN=hooks.example.com,O=Example"]),
        "notAfter": moment("When it expires."),
        "fingerprint": text("SHA-256, in hexadecimal digits.", pattern="^[0-9a-f]{64}$"),
    }
)

SHOWN: Json = given(
    {
        "caBundle": array(_CERTIFICATE, "Its further authorities."),
        "clientCertificate": either(_CERTIFICATE, "What it shows, and has the key of; null: nothing."),
    },
    description="Ours, there where it was given: what TLS connections to the destination need beside what all have.",
)
