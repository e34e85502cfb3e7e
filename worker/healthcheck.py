"""What does the container's health check run? A plain socket and nothing else: it must cost milliseconds."""

import os
import socket
import sys


def main() -> int:
    """0 if the worker answers that it is alive."""
    port = int(os.environ.get("RESTOCK_HEALTH_PORT", "8081"))
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"GET /live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return 0 if connection.recv(64).startswith(b"HTTP/1.1 200") else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
