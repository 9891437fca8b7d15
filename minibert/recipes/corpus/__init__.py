"""The demo's texts: a generator, and the word lists of two languages."""
