"""Build your own PyTorch, module by module."""
