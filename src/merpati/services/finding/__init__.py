"""Finding, sorting and threading mail, for every protocol: criteria in, UIDs out."""
