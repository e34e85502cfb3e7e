"""Sales of the past, loaded and judged."""
