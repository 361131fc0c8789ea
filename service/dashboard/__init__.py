"""The dashboard: pages for people, drawn on the server; every one of them can be read without JavaScript."""
