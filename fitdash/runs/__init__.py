"""The record of runs: training → queue → one writer → the store, which everybody reads."""
