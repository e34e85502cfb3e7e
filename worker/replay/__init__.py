"""Past events, counted as if they came now."""
