"""What every REST endpoint stands on: who is asking, how often, what came in, what goes out, how refusals look."""
