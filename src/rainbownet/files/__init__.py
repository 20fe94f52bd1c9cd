"""Files: one atomic writer, strict JSON, one reader of tensors, one of checkpoints; nothing in a file is run."""
