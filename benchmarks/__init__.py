"""One file a question; results as JSON in results/."""
