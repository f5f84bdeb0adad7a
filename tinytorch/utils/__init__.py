"""`tinytorch.utils.data` and `tinytorch.utils.checkpoint`, where PyTorch's users look for them."""
