"""Text as search sees it: folded, cut into words, taken out of documents."""
