"""Which settings of a bus outside may be shown: few, for nobody knows what a connection string is called.

How what may not is masked is left to `api_auth.py`.
"""

#: The member that has them.
SETTINGS = "attributes"
#: Those that say how a client works, and not who it is, in small letters.
HARMLESS = frozenset(
    {
        *(
            "acks",
            "auto.offset.reset",
            "bootstrap.servers",
            "cleansession",
            "client.id",
            "clientid",
            "compression.type",
        ),
        *("consumergroup", "contenttype", "durable", "exchange", "group.id", "groupid", "keepalive", "partition"),
        *("partitions", "protocol", "qos", "queue", "region", "retain", "routing.key", "routingkey", "sasl.mechanism"),
        *("sasl.mechanisms", "security.protocol", "session.timeout.ms", "tenant", "version", "vhost", "virtualhost"),
    }
)


def harmless(name: str, text: str) -> bool:
    """Whether a setting may be shown: its name is known, and its text holds neither credentials of a URL nor assignments."""
    return name.lower() in HARMLESS and not {"@", "="} & set(text)
