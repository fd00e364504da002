"""Streamlit components that need JavaScript, with their scripts and styles; column formats of tables."""
