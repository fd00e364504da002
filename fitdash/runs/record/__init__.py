"""The record of runs in SQLite: schema, one writer, readers, deletion, backup."""
