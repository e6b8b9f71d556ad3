"""From a source to a release: plan, pool, resume, finish."""
