"""One package per protocol, holding its sessions; siblings never import each other."""
