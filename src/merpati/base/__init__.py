"""Ground floor: what any server needs and no mail noun: clock, ids, faults, settings, log ..."""
