"""The commands of `merpati`, one module each."""
