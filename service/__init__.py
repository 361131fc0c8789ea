"""The entrance: Starlette API and command line. Reading order: asgi, app, api.routes, auth, problems."""
