"""Which addresses are the sandbox's own, and no part of a Nango: no limit, no fault and no log concerns them."""


def is_own_page(path: str) -> bool:
    """The overview at `/`, and all of /sandbox/."""
    return path == "/" or path.startswith("/sandbox/")


def is_connect_page(path: str) -> bool:
    """Where the end user answers. A real Nango has that page on another port; its forms are no part of the API."""
    return path.rstrip("/") == "/connect"
