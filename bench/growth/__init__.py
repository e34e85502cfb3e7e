"""What more events, more products and larger batches cost."""
