"""Moving mail in and out: files of other programs, and whole servers."""
