"""What the shop looked like on a day, as Parquet tables for Athena and QuickSight."""
