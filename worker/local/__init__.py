"""Restock on one machine: the embedded AWS, the model server, and a simulated shop with its supplier."""
