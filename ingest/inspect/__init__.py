"""Looking into MBO records, in a DBN file or in bronze: what they are made of, the book at a moment."""
