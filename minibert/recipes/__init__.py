"""Whole jobs: pre-training, fine-tuning, the stages of distillation, pruning, the demo."""
