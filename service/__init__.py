"""The entrance: Starlette API, dashboard and command line. Reading order: asgi, app, api.routes, auth, problems."""
