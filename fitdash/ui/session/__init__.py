"""The state of one browser tab or visitor (identity, page, link, errors), and the resources that all tabs share."""
