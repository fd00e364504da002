"""The dashboard: everything that draws with Streamlit, and what it shows as plain data in view_models."""
