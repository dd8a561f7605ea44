//! What the verifier finds.
