"""Pages of the feature store."""
