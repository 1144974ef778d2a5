"""Finding matters by words: what words are (`words`), and how they are looked up (`reading`). Written by `actions.searching`."""
