"""Callbacks that run in the training thread of a recorded run: recorder, checkpoints, snapshots, control."""
