"""`restock backtest`: ordering policies replayed on a shop's own sales, with costs and pictures."""
