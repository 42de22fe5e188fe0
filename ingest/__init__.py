"""DBN in, bronze out: decode, split by contract and date, check, publish; and the sample market."""
