"""The HTTP API: routes names every path on one screen; reading and writing are its only codec."""
