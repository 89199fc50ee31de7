"""Templates of the data piece; the views behind them are in `handlers`."""
