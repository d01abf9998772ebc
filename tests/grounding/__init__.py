"""Material for the grounding check: honest paraphrases, and false sentences made from true ones."""
