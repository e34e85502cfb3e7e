"""Does everything stay exact while real worker processes are killed and their network breaks?

Real `restock run` processes, a real server, a TCP proxy in front of each worker that cuts, delays and swallows; then
everything heals, comes to rest, and is compared with a twin made of plain dictionaries. `python -m chaos --help`."""
