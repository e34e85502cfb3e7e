"""`restock evaluate`: forecasters on a shop's own sales, ours beside the plain ones."""
