"""How moments and days are written, per language. `DAY_AND_TIME_FORMAT` is for a moment of the current year."""
