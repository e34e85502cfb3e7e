"""Measurements behind decisions; nothing of production imports them."""
