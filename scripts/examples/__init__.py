"""Templates for extensions: a search space, a searcher and a metric of one's own. The documentation explains them."""
