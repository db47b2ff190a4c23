"""The scenarios, one module for each kind of resource; `play.SCENARIOS` has them all."""
