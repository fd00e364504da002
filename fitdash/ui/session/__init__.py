"""Of one browser tab or visitor: identity, page state, links, errors; and what the server holds for all of them."""
