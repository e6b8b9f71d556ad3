"""From the releases of several centres to the files of a challenge."""
