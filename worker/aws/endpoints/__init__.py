"""What model endpoints understand, one file a format; docs/endpoints.md shows each of them on the wire."""
