"""A network of one's own: boxes on surface tiles, or scores for another detector's finds."""
