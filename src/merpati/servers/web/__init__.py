"""HTTP: one application for every listener, made from the routes of each part."""
