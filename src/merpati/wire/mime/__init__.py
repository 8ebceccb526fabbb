"""Messages (RFC 5322, 2045-2047, 2231): headers, words, dates, addresses, part tree."""
