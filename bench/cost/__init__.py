"""What does the real worker ask of AWS, counted call by call?

`restock run` as its own process with its calls metered, against the embedded AWS, in batches of several sizes. Its
products are grown up before they are sold: a header of three months is what every later commit writes again. The
counts are what `restock cost` prices; docs/cost.md tells how they scale."""
