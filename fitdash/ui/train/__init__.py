"""The Train page: action bar, start from, variants, code."""
