"""The one declaration of settings: standard library only."""
