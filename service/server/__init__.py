"""The HTTP server's side of a connection: heads, bodies, places, and whole refusals.

Reading order: connections, places, bodies.
"""
