"""Training: all three stages, fine-tuning and LoRA, on transformers' Trainer."""
