"""Files to tensors: images, prompts, tokens, records, batches. Knows nothing about the model."""
