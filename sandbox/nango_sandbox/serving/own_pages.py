"""Which addresses are the sandbox's own, and no part of a Nango: no limit, no fault and no log concerns them."""


def is_own_page(path: str) -> bool:
    """The overview at `/`, and all of /sandbox/."""
    return path == "/" or path.startswith("/sandbox/")
