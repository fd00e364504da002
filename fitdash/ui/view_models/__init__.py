"""What pages show, as plain data and text; no Streamlit here."""
