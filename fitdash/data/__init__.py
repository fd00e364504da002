"""Data: batches for the loop, and tables that become them."""
