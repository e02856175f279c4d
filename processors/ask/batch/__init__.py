"""Many requests in files at half the price: ordered, looked after, fetched."""
