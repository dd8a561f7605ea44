//! The bound on small instances, against all plans there are.
