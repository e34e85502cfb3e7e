"""What reading the shards of a DynamoDB stream takes: lineage, leases, positions, records."""
