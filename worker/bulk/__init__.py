"""Forecasts for all products at once, however many: shards of requests for Batch Transform, and their answers."""
