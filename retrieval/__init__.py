"""Search in a library: queries, ranked answers, explanations, and every form of output."""
