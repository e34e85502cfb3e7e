"""How much does the whole worker do, and how soon?

`restock run` itself, in processes of its own, against the stand-in (bench/standin): it receives, commits, forecasts,
decides, publishes and acknowledges, with the settings it comes with. Events a second of the worker's own CPU and of
the clock, with one process and with two, packed and one by one; and the time from sending a sale to the order that
follows from it. Every sale must be counted exactly once, and every order published once, or there are no figures."""
