"""A socket on this machine to serve from."""

import socket


class PortTakenError(OSError):
    """Something else listens on the wanted port."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Accepted sockets inherit it. asyncio sets it only on listeners of its own making, and every answer would wait 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.listen(128)
    except OSError as error:
        listener.close()
        message = f"Cannot listen on {host}:{port}: {error.strerror}. Stop what uses the port, or choose another one."
        raise PortTakenError(error.errno, message) from error
    return listener
