"""The dashboard: pages for people, drawn on the server; every one of them can be read without JavaScript.

`routes.py` has all pages with their permissions. `frame` is what every page stands in; `attention`, `deliveries`, `webhooks` and
`access` hold the pages, `catalogue` those of event types.
"""
