"""What the product does, whoever asked."""
