"""Whether payments work: sums of what happens, by minute, and what is to be seen from them."""
