"""The entrance: Starlette API and command line. Reading order: asgi, app, api, auth, problems, server, limits."""
