"""Every argument declared once: type, default, bounds, help, rules. Standard library only."""
