"""The dashboard over the snapshots, described once; `python -m deploy.quicksight` writes what is made of it."""
