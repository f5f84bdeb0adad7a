"""`make demo`: the whole course in a scratch folder, on real input, in minutes."""
