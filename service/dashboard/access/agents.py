"""Browsers by the name that people know them by, from what they say of themselves.

What was said is kept as it is; a page shows it on hover.
"""

import re

#: The first that is found: each also claims to be those below it.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("(?:Headless)?Chrome", "Chrome"),
    ("Version", "Safari"),
)
SYSTEMS = (
    ("iPhone|iPad", "iOS"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X|Macintosh", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux|X11", "Linux"),
)


def named(agent: str) -> str:
    """`Firefox 140 on Linux`; what is no browser that is known, by its first word."""
    found = ((name, re.search(rf"\b{token}/(\d+)", agent)) for token, name in BROWSERS)
    browser = next((f"{name} {version[1]}" for name, version in found if version), agent.partition("/")[0][:40])
    system = next((name for words, name in SYSTEMS if re.search(words, agent)), "")
    return f"{browser} on {system}" if system else browser
