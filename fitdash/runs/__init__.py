"""The record of runs: training → queue → one writer → the store, which pages, scripts and the command line read."""
