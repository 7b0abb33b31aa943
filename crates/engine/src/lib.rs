//! A song compiled to a plan, and the processor that plays it. Pure; never allocates while it plays.
