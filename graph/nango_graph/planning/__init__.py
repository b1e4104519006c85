"""Plans: their form, how data flows from step to step, and what runs when."""
