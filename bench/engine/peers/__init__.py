"""The same work on something else, each in the environment it needs; nothing here imports Restock."""
