"""What does a forecast cost where it is served?

The forecaster's own serving process (`restock serve`), with a model trained by the project's own training, beside
processes that fit the same products' history with a library when they are asked, as one would without a trained
model. Each answers requests of 500 products for their next 28 days over HTTP, one after the other: products a second
of its CPU, the slowest of a hundred requests, and its memory."""
