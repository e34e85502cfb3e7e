"""What Restock costs on AWS."""
