"""View models: what pages show, as plain data and text, without Streamlit."""
