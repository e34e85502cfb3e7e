"""Servers as one would write them around a forecasting library. They run in an environment of their own and import
nothing of ours: each says its port in a line of JSON, and fits every product it is asked for."""
