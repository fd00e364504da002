"""The dashboard: everything that draws with Streamlit; `view_models` holds what it shows, as plain data."""
