"""Sales of the past: loaded as they are, and what is wrong with them."""
